from django.http import HttpRequest, HttpResponse, JsonResponse

from catalog.models import Product


def products(request: HttpRequest) -> HttpResponse:
    """The tenant's products by name: {"tenant", "products": [{"name", "price", "stock"}]}."""
    rows = [as_json(product) for product in Product.objects.order_by("name")]
    return JsonResponse({"tenant": request.tenant.schema_name, "products": rows})


def as_json(product: Product) -> dict[str, object]:
    return {"name": product.name, "price": str(product.price), "stock": product.stock}
