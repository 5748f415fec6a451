from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("tenants", "0002_tenant_plan")]

    operations = [
        migrations.AddField(
            model_name="tenant",
            name="contact_email",
            field=models.EmailField(max_length=254, null=True, blank=True),
        ),
    ]
