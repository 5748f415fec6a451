"""Twenty tables beside Django's own, in pairs: a size that real projects have."""

from django.db import models

KINDS = [
    "Product", "Order", "Invoice", "Shipment", "Return",
    "Supplier", "Contract", "Payment", "Ticket", "Visit",
]  # fmt: skip


def _pair(kind: str) -> None:
    meta = type("Meta", (), {"app_label": "shop"})
    fields = {
        "__module__": __name__,
        "Meta": meta,
        "name": models.CharField(max_length=100, db_index=True),
        "price": models.DecimalField(max_digits=10, decimal_places=2, default=0),
        "made_at": models.DateTimeField(null=True),
        "note": models.TextField(default=""),
    }
    if kind == "Order":
        meta.indexes = [models.Index(fields=["made_at"], name="order_made_at")]
    if kind == "Product":
        fields["stock"] = models.IntegerField(default=0)
        fields["label"] = models.CharField(max_length=100, default="")
    whole = type(kind, (models.Model,), fields)
    line = {
        "__module__": __name__,
        "Meta": type("Meta", (), {"app_label": "shop"}),
        "whole": models.ForeignKey(whole, models.CASCADE),
        "amount": models.IntegerField(default=1),
    }
    globals()[kind] = whole
    globals()[f"{kind}Line"] = type(f"{kind}Line", (models.Model,), line)


for _kind in KINDS:
    _pair(_kind)


class Review(models.Model):
    product = models.ForeignKey("Product", models.CASCADE)
    stars = models.PositiveSmallIntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["product", "stars"], name="one_review")]
