"""A project of many tenants, for the tests and benchmarks of their migrations.

Its database is libpq's own environment: PGHOST, PGPORT, PGUSER, PGPASSWORD, PGDATABASE.
"""

import os

SECRET_KEY = "not a secret: nothing is served"
DATABASES = {
    "default": {
        "ENGINE": "django_tenants.postgresql_backend",
        "NAME": os.environ.get("PGDATABASE", "tenants"),
        "HOST": os.environ.get("PGHOST", ""),
        "PORT": os.environ.get("PGPORT", ""),
        "USER": os.environ.get("PGUSER", ""),
        "PASSWORD": os.environ.get("PGPASSWORD", ""),
    }
}
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
SHARED_APPS = [
    "django_tenants",
    "customers",
    "django.contrib.contenttypes",
    "django.contrib.auth",
]
EXTRA_APPS = os.environ.get("EXTRA_APPS", "").split()
TENANT_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "shop", *EXTRA_APPS]
INSTALLED_APPS = [*SHARED_APPS, *(app for app in TENANT_APPS if app not in SHARED_APPS)]
TENANT_MODEL = "customers.Customer"
TENANT_DOMAIN_MODEL = "customers.Domain"
TENANT_MIGRATION_ORDER = ["schema_name"]
USE_TZ = True
