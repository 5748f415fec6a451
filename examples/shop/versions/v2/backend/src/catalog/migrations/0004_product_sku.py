from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0003_product_stock")]

    operations = [
        migrations.AddField(
            model_name="product",
            name="sku",
            field=models.CharField(max_length=20, null=True, blank=True),
        ),
    ]
