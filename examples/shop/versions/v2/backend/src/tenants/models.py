from django.db import models
from django_tenants.models import DomainMixin, TenantMixin


class Tenant(TenantMixin):
    """A customer of the shop's maker, with a PostgreSQL schema of its own."""

    name = models.CharField(max_length=100)
    created_at = models.DateTimeField(auto_now_add=True)
    plan = models.CharField(max_length=20, default="standard", db_default="standard")
    contact_email = models.EmailField(null=True, blank=True)


class Domain(DomainMixin):
    """A host name under which a tenant is reached."""
