from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ahead", "0001_initial")]
    operations = [
        migrations.AlterField("Order", "code", models.CharField(max_length=100)),
    ]
