from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ahead", "0005_person")]
    operations = [
        migrations.AlterField("Order", "note", models.TextField(default="")),
    ]
