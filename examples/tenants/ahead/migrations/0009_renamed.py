from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ahead", "0008_dropped")]
    operations = [
        migrations.RenameField("Order", "price", "amount"),
    ]
