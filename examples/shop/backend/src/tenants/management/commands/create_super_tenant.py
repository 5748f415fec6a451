from argparse import ArgumentParser

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import transaction
from django_tenants.utils import get_public_schema_name, tenant_context

from catalog.seed import SEEDS, Seed, plant
from tenants.models import Domain, Tenant


class Command(BaseCommand):
    help = (
        "Make the public tenant and the two tenants of the shop, with their domains and some data."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--no-input",
            action="store_false",
            dest="interactive",
            help="Take the base domain from SHOP_DOMAIN instead of asking for it.",
        )

    def handle(self, *args: str, interactive: bool, **options: object) -> None:
        base = settings.SHOP_DOMAIN
        if interactive:
            base = input(f"Base domain [{base}]: ") or base
        self._ensure(get_public_schema_name(), "Shop", base)
        for schema, seed in SEEDS.items():
            self._ensure(schema, seed.company, f"{schema}.{base}", seed)

    @transaction.atomic
    def _ensure(self, schema: str, name: str, domain: str, seed: Seed | None = None) -> None:
        """Make tenant, schema, data and domain, or none of them.

        Data goes only into a tenant that is made here: one that exists already may not have been
        migrated yet to the tables that this code expects.
        """
        tenant, created = Tenant.objects.get_or_create(schema_name=schema, defaults={"name": name})
        if created and seed is not None:
            with tenant_context(tenant):
                plant(seed)
        Domain.objects.get_or_create(domain=domain, defaults={"tenant": tenant})
        self.stdout.write(f"{schema}: {'created' if created else 'exists'}, at {domain}")
