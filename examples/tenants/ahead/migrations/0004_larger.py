from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ahead", "0003_shrunk")]
    operations = [
        migrations.AlterField("Order", "number", models.BigIntegerField()),
    ]
