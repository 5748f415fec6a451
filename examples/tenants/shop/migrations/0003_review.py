import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "0002_stock")]
    operations = [
        migrations.CreateModel(
            "Review",
            [
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("stars", models.PositiveSmallIntegerField()),
                ("product", models.ForeignKey("shop.product", django.db.models.deletion.CASCADE)),
            ],
        )
    ]
