"""Settings of the shop, all from the environment; the README lists the variables."""

import os

from psycopg.conninfo import conninfo_to_dict


def database(url: str) -> dict[str, object]:
    """Read a postgresql:// URL the way libpq does, into Django's names.

    OPTIONS holds no `options`, unless the URL does: libpq would then ignore PGOPTIONS, through
    which the release tool sets lock_timeout.
    """
    parts = conninfo_to_dict(url)
    return {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": parts.pop("dbname"),
        "USER": parts.pop("user", ""),
        "PASSWORD": parts.pop("password", ""),
        "HOST": parts.pop("host", ""),
        "PORT": parts.pop("port", ""),
        "CONN_MAX_AGE": 60,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 2, **parts},
    }


SECRET_KEY = os.environ["SECRET_KEY"]
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost").split(",")
SHOP_DOMAIN = os.environ.get("SHOP_DOMAIN", "localhost")
SHOP_ENVIRONMENT = os.environ.get("SHOP_ENVIRONMENT", "local")
REVISION = os.environ.get("REVISION", "unknown")

DATABASES = {"default": database(os.environ["DATABASE_URL"])}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

SHARED_APPS = [
    "django_tenants",
    "tenants",
    "django.contrib.contenttypes",
    "django.contrib.auth",
]
TENANT_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "catalog",
]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
TENANT_MODEL = "tenants.Tenant"
TENANT_DOMAIN_MODEL = "tenants.Domain"
TENANT_MIGRATION_ORDER = ["schema_name"]

ROOT_URLCONF = "shop.urls"
MIDDLEWARE = [
    # First: what operations ask must be answered without a tenant.
    "shop.operations.OperationsMiddleware",
    "tenants.middleware.ShopTenantMiddleware",
    "django.middleware.common.CommonMiddleware",
]

USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"handlers": ["console"], "level": "WARNING"},
}
