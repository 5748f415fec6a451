from django.http import HttpRequest, HttpResponse, JsonResponse

from catalog.models import Product


def products(request: HttpRequest) -> HttpResponse:
    """The tenant's products by name.

    {"tenant", "products": [{"name", "sku", "supplier", "price", "stock"}]}; sku and supplier may be
    null.
    """
    found = Product.objects.select_related("supplier").order_by("name")
    rows = [as_json(product) for product in found]
    return JsonResponse({"tenant": request.tenant.schema_name, "products": rows})


def as_json(product: Product) -> dict[str, object]:
    supplier = product.supplier
    return {
        "name": product.name,
        "sku": product.sku,
        "supplier": supplier.name if supplier else None,
        "price": str(product.price),
        "stock": product.stock,
    }
