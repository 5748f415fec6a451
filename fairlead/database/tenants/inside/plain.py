"""Which migrations are plain schema SQL: the same statements for every tenant of one state."""

from __future__ import annotations

import re
from typing import Any, Optional

SCHEMA = {
    "CreateModel",
    "DeleteModel",
    "RenameModel",
    "AlterModelTable",
    "AlterModelTableComment",
    "AlterModelOptions",
    "AlterModelManagers",
    "AlterUniqueTogether",
    "AlterIndexTogether",
    "AlterOrderWithRespectTo",
    "AddField",
    "RemoveField",
    "AlterField",
    "RenameField",
    "AddIndex",
    "RemoveIndex",
    "RenameIndex",
    "AddConstraint",
    "RemoveConstraint",
    "AlterConstraint",
    "AddConstraintNotValid",
    "ValidateConstraint",
}
HOMES = ("django.db.migrations.operations.", "django.contrib.postgres.operations")
# Calling these gives the same each time; of all other callables only calling them tells.
CONSTANT = (dict, list, set, tuple, str, int, float, bool)
# SQL that outlives its statement, or that cannot stand in a transaction.
UNFIT = re.compile(
    r"\b(search_path|set_config|begin|commit|rollback|start\s+transaction|savepoint|concurrently"
    r"|vacuum|set\s+(local\s+|session\s+)?(role|authorization)|current_schema)\b",
    re.IGNORECASE,
)


def why_not(migration: Any) -> Optional[str]:
    """What of the migration keeps it from being recorded once and replayed; None for plain ones."""
    from django.db.migrations import Migration

    if not migration.atomic:
        return "atomic = False"
    if type(migration).apply is not Migration.apply:
        return "has an apply() of its own"
    if _routed():
        return "a router of the project decides"
    reasons = (_why_not(operation) for operation in migration.operations)
    return next((reason for reason in reasons if reason), None)


def _why_not(operation: Any) -> Optional[str]:
    kind = type(operation)
    ours = kind.__module__.startswith(HOMES)
    if ours and kind.__name__ == "RunSQL":
        return _why_not_sql(operation)
    if ours and kind.__name__ == "SeparateDatabaseAndState":
        reasons = (_why_not(one) for one in operation.database_operations)
        return next((reason for reason in reasons if reason), None)
    if renames_content_type(operation):
        return None
    if not ours or kind.__name__ not in SCHEMA:
        return kind.__name__
    # The rows of a table that is only made now have no defaults to be filled in.
    return _why_not_field(operation) if kind.__name__ in ("AddField", "AlterField") else None


def _why_not_field(operation: Any) -> Optional[str]:
    field = operation.field
    if getattr(field, "auto_now", False) or getattr(field, "auto_now_add", False):
        return f"{operation.name} is filled with the time"
    called = field.has_default() and callable(field.default) and field.default not in CONSTANT
    return f"the default of {operation.name} is called" if called else None


def _why_not_sql(operation: Any) -> Optional[str]:
    if operation.hints:
        return "RunSQL with hints for a router"
    parts = [operation.sql] if isinstance(operation.sql, str) else operation.sql
    if not isinstance(parts, (list, tuple)):
        return "RunSQL that is not a text"
    texts = [part if isinstance(part, str) else str(part[0]) for part in parts]
    found = next((found for text in texts for found in [UNFIT.search(text)] if found), None)
    return f"RunSQL with {found[0]}" if found else None


def renames_content_type(operation: Any) -> bool:
    """What Django puts behind a RenameModel."""
    home = "django.contrib.contenttypes.management"
    return type(operation).__name__ == "RenameContentType" and type(operation).__module__ == home


def _routed() -> bool:
    """django-tenants' own router asks only whether the schema is the public one, or its kind."""
    from django.db import router
    from django_tenants.routers import TenantSyncRouter

    others = (one for one in router.routers if type(one) is not TenantSyncRouter)
    return any(hasattr(one, "allow_migrate") for one in others)
