from django.db import migrations


def label(apps, schema_editor):
    product = apps.get_model("shop", "Product")
    for found in product.objects.filter(label=""):
        found.label = found.name.upper()
        found.save()


class Migration(migrations.Migration):
    dependencies = [("shop", "0004_index")]
    operations = [migrations.RunPython(label, migrations.RunPython.noop)]
