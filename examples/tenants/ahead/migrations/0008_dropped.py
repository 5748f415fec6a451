from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ahead", "0007_required")]
    operations = [
        migrations.RemoveField("Order", "old"),
    ]
