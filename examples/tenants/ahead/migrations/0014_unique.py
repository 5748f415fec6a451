from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ahead", "0013_data")]
    operations = [
        migrations.AlterField("Order", "number", models.BigIntegerField(unique=True)),
    ]
