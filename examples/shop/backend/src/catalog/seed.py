from dataclasses import dataclass
from decimal import Decimal

from catalog.models import Customer, Order, OrderLine, Product


@dataclass(frozen=True)
class Seed:
    """What a new tenant starts with.

    products are (name, price, stock), customers (name, email).
    """

    company: str
    products: tuple[tuple[str, str, int], ...]
    customers: tuple[tuple[str, str], ...]


SEEDS = {
    "acme": Seed(
        company="Acme Meats",
        products=(
            ("Brisket", "18.90", 40),
            ("Lamb shank", "14.50", 25),
            ("Pork belly", "9.80", 60),
        ),
        customers=(("Ada Bonnet", "ada@bistro.example"), ("Karim Saleh", "karim@grill.example")),
    ),
    "globex": Seed(
        company="Globex Foods",
        products=(("Chicken thigh", "6.40", 120), ("Duck breast", "16.20", 18)),
        # Two buyers of one company share a mailbox.
        customers=(("Mei Tan", "orders@harbour.example"), ("Jon Reyes", "orders@harbour.example")),
    ),
}


def plant(seed: Seed) -> None:
    """Write the seed into the current tenant, with one order of everything per customer."""
    products = [
        Product.objects.create(name=name, price=Decimal(price), stock=stock)
        for name, price, stock in seed.products
    ]
    for name, email in seed.customers:
        order = Order.objects.create(customer=Customer.objects.create(name=name, email=email))
        OrderLine.objects.bulk_create(
            OrderLine(order=order, product=product, quantity=1) for product in products
        )
