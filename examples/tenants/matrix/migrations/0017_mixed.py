from django.db import migrations, models


def fill(apps, schema_editor):
    book = apps.get_model("matrix", "Book")
    for found in book.objects.order_by("pk"):
        found.rank = 10 * found.pk
        found.save()


class Migration(migrations.Migration):
    dependencies = [("matrix", "0016_own_operation")]
    operations = [
        migrations.AddField("book", "rank", models.IntegerField(null=True)),
        migrations.RunPython(fill, migrations.RunPython.noop, atomic=False),
    ]
