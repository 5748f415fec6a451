from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0005_supplier")]

    operations = [
        migrations.AddField(
            model_name="customer",
            name="phone",
            field=models.CharField(max_length=30, null=True, blank=True),
        ),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.UniqueConstraint(fields=["email"], name="customer_email_once"),
        ),
    ]
