from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("matrix", "0008_constraints")]
    operations = [
        migrations.AddField("publisher", "labels", models.ManyToManyField("matrix.label")),
        migrations.RemoveField("book", "old"),
        migrations.RemoveField("book", "tags"),
        migrations.DeleteModel("Gone"),
    ]
