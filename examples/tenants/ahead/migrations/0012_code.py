from django.db import migrations


def number_all(apps, editor):
    raise RuntimeError("the preview runs no code of the project")


class Migration(migrations.Migration):
    dependencies = [("ahead", "0011_indexed")]
    operations = [
        migrations.RunPython(number_all, migrations.RunPython.noop),
    ]
