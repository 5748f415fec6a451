from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matrix", "0012_called_default")]
    operations = [
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL("ALTER TABLE matrix_book ADD COLUMN hidden integer DEFAULT 3")
            ],
            state_operations=[
                migrations.AddField("book", "hidden", models.IntegerField(default=3))
            ],
        ),
    ]
