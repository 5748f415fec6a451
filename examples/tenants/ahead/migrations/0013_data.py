from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("ahead", "0012_code")]
    operations = [
        migrations.RunSQL("update ahead_order set amount = 0 where amount < 0", ""),
    ]
