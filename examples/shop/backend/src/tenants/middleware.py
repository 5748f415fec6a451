from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django_tenants.middleware.main import TenantMainMiddleware
from django_tenants.utils import get_public_schema_name

from tenants.models import Domain, Tenant


class ShopTenantMiddleware(TenantMainMiddleware):
    """The tenant whose domain the Host is; else the one named by ?tenant=; else the first.

    The public tenant sells nothing, so its domain counts as no tenant's.
    """

    def get_tenant(self, domain_model: type[Domain], hostname: str) -> Tenant:
        domains = domain_model.objects.select_related("tenant")
        return (
            domains.exclude(tenant__schema_name=get_public_schema_name())
            .get(domain=hostname)
            .tenant
        )

    def no_tenant_found(self, request: HttpRequest, hostname: str) -> HttpResponse | None:
        tenants = Tenant.objects.exclude(schema_name=get_public_schema_name())
        if "tenant" in request.GET:
            tenants = tenants.filter(schema_name=request.GET["tenant"])
        tenant = tenants.order_by("schema_name").first()
        if tenant is None:
            return JsonResponse({"error": "no such tenant"}, status=404)
        request.tenant = tenant
        connection.set_tenant(tenant)
        return None
