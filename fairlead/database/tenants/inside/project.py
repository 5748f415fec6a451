"""The project this image holds: Django set up, and who its tenants are."""

from __future__ import annotations

import contextlib
import gc
import io
import os
import runpy
import sys
from typing import Any, NamedTuple


class Tenant(NamedTuple):
    """One PostgreSQL schema; `kind` is the type of tenant where a project has several."""

    schema: str
    kind: str = ""


def set_up(manage: str, database: str = "") -> None:
    """Have Django ready as manage.py has it: only manage.py knows the settings module. With a name
    of a `database` that one is used of the same server, instead of the settings' own.

    What a project is made of stays to the end: looking for garbage in it, at the start and once
    more at the end, takes a third of a run that has nothing to do."""
    gc.disable()
    if database:
        _aim_at(database)
    sys.path.insert(0, os.path.dirname(os.path.abspath(manage)))
    sys.argv = [manage, "help", "--commands"]
    with contextlib.redirect_stdout(io.StringIO()):
        try:
            runpy.run_path(manage, run_name="__main__")
        except SystemExit as end:
            if end.code:
                raise
    gc.freeze()
    gc.enable()


def _aim_at(database: str) -> None:
    """Once the settings are read, and before anything can have asked the database."""
    import django

    original = django.setup

    def setup(*arguments: Any, **given: Any) -> None:
        from django.conf import settings

        alias = getattr(settings, "TENANT_DB_ALIAS", "default")
        settings.DATABASES[alias]["NAME"] = database
        original(*arguments, **given)

    django.setup = setup


def has_tenants() -> bool:
    from django.apps import apps

    return bool(apps.is_installed("django_tenants"))


def alias() -> str:
    """The name of the database that is migrated."""
    if not has_tenants():
        return "default"
    from django_tenants.utils import get_tenant_database_alias

    return str(get_tenant_database_alias())


def connection() -> Any:
    from django.db import connections

    return connections[alias()]


def public() -> Tenant:
    from django_tenants.utils import get_public_schema_name

    name = get_public_schema_name()
    return Tenant(name, name if _several_kinds() else "")


def tenants() -> list[Tenant]:
    """All of them in the order the project asks for, without the public one. None before the
    table of the tenants is made."""
    from django_tenants.utils import get_tenant_migration_order, get_tenant_model

    model = get_tenant_model()
    enter(public())
    if not _has_table(model._meta.db_table):
        return []
    names = ["schema_name", *([_kind_field()] if _several_kinds() else [])]
    rows = model.objects.exclude(schema_name=public().schema).values_list(*names)
    order = get_tenant_migration_order()
    if order and _has_columns(model, order):
        rows = rows.order_by(*order)
    return [Tenant(*row) for row in rows]


def path(tenant: Tenant) -> str:
    """The search_path that django-tenants sets in the tenant."""
    from django.conf import settings

    extra = getattr(settings, "PG_EXTRA_SEARCH_PATHS", [])
    names = [tenant.schema, public().schema, *extra]
    return ", ".join('"{}"'.format(name.replace('"', '""')) for name in names)


def hooked() -> bool:
    """True where the project has something of its own done whenever a tenant is entered or
    migrated."""
    from django.conf import settings
    from django_tenants import signals

    around = ("schema_pre_migration", "schema_migrated")
    found = [getattr(signals, name, None) for name in around]
    heard = any(signal.receivers for signal in found if signal is not None)
    return heard or bool(getattr(settings, "EXTRA_SET_TENANT_METHOD_PATH", None))


def enter(tenant: Tenant, include_public: bool = True) -> None:
    """Have the connection work in the tenant's schema from now on."""
    kind = {"tenant_type": tenant.kind} if tenant.kind else {}
    connection().set_schema(tenant.schema, include_public=include_public, **kind)


def _several_kinds() -> bool:
    from django_tenants import utils

    return bool(getattr(utils, "has_multi_type_tenants", bool)())


def _kind_field() -> str:
    from django_tenants.utils import get_multi_type_database_field_name

    return str(get_multi_type_database_field_name())


def _has_table(table: str) -> bool:
    with connection().cursor() as cursor:
        cursor.execute("select to_regclass(%s)", [connection().ops.quote_name(table)])
        return cursor.fetchone()[0] is not None


def _has_columns(model: Any, order: list[str]) -> bool:
    """Not before the shared schema is migrated, where this release brings the column."""
    wanted = {model._meta.get_field(name.lstrip("-")).column for name in order}
    with connection().cursor() as cursor:
        cursor.execute(
            "select attname from pg_attribute where attrelid = to_regclass(%s)",
            [connection().ops.quote_name(model._meta.db_table)],
        )
        return wanted <= {name for (name,) in cursor.fetchall()}
