"""The same without tenants: one schema."""

from project.settings import DATABASES, DEFAULT_AUTO_FIELD, EXTRA_APPS, SECRET_KEY, USE_TZ

DATABASES = {"default": {**DATABASES["default"], "ENGINE": "django.db.backends.postgresql"}}
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", *EXTRA_APPS]

__all__ = ["DATABASES", "DEFAULT_AUTO_FIELD", "INSTALLED_APPS", "SECRET_KEY", "USE_TZ"]
