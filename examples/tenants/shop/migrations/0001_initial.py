import django.db.models.deletion
from django.db import migrations, models

KINDS = [
    "Product", "Order", "Invoice", "Shipment", "Return",
    "Supplier", "Contract", "Payment", "Ticket", "Visit",
]  # fmt: skip


def _whole(kind):
    return migrations.CreateModel(
        kind,
        [
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("name", models.CharField(max_length=100, db_index=True)),
            ("price", models.DecimalField(max_digits=10, decimal_places=2, default=0)),
            ("made_at", models.DateTimeField(null=True)),
            ("note", models.TextField(default="")),
        ],
    )


def _line(kind):
    return migrations.CreateModel(
        f"{kind}Line",
        [
            ("id", models.BigAutoField(primary_key=True, serialize=False)),
            ("amount", models.IntegerField(default=1)),
            ("whole", models.ForeignKey(f"shop.{kind}", django.db.models.deletion.CASCADE)),
        ],
    )


class Migration(migrations.Migration):
    initial = True
    operations = [make(kind) for kind in KINDS for make in (_whole, _line)]
