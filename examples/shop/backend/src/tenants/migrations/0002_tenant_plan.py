from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="plan",
            field=models.CharField(max_length=20, default="standard", db_default="standard"),
        ),
    ]
