from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ahead", "0002_widened")]
    operations = [
        migrations.AlterField("Order", "label", models.CharField(max_length=20)),
    ]
