from django.db import connection, migrations, models


def number():
    return f"made in {connection.schema_name}"


class Migration(migrations.Migration):
    dependencies = [("matrix", "0011_python")]
    operations = [
        migrations.AddField("book", "serial", models.CharField(max_length=40, default=number)),
    ]
