from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("catalog", "0002_order")]

    operations = [
        migrations.AddField(
            model_name="product",
            name="stock",
            field=models.PositiveIntegerField(default=0, db_default=0),
        ),
        migrations.AddIndex(
            model_name="product",
            index=models.Index(fields=["name"], name="product_name"),
        ),
    ]
