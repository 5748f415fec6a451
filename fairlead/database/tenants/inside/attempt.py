"""One attempt at one tenant, and what came of it."""

from __future__ import annotations

import time
from typing import Any, Callable, NamedTuple, Optional

from .guard import BUSY, Busy, code_of
from .project import Tenant

DONE, FAILED, BUSY_STATE = "done", "failed", "busy"


class Outcome(NamedTuple):
    """`state` is one of the above; `seconds` are those of this attempt; `at` is the migration that
    failed."""

    tenant: Tenant
    state: str
    seconds: float
    error: str = ""
    at: str = ""
    code: str = ""


def attempt(
    tenant: Tenant, work: Any, migrate: Callable[[], Any], signals_sent: bool = False
) -> tuple[Outcome, Any]:
    """Run it, and turn what it raises into an outcome: a tenant that fails leaves the others be.
    `work` says what it was doing. With the outcome comes what `migrate` returned. `signals_sent`
    says that it sends django-tenants' signals itself."""
    begun = time.monotonic()
    result, error = None, None
    try:
        if not signals_sent:
            _tell("schema_pre_migration", tenant)
        result = migrate()
        if not signals_sent:
            _tell("schema_migrated", tenant)
    except Exception as raised:  # noqa: BLE001 whatever a project's migration raises
        error = raised
    seconds = time.monotonic() - begun
    return _outcome(tenant, seconds, error, work), result


def _outcome(tenant: Tenant, seconds: float, error: Optional[Exception], work: Any) -> Outcome:
    if error is None:
        return Outcome(tenant, DONE, seconds)
    code, at = code_of(error), getattr(work, "doing", "")
    # What a migration without a transaction has left would be in the way of a second attempt.
    busy = (isinstance(error, Busy) or code in BUSY) and not getattr(work, "begun", False)
    lines = str(error).strip().splitlines() or [""]
    text = f"{type(error).__name__}: {' '.join(line.strip() for line in lines[:3])}"
    return Outcome(tenant, BUSY_STATE if busy else FAILED, seconds, text, at, code)


def _tell(signal: str, tenant: Tenant) -> None:
    """django-tenants sends these around each tenant; not every version has all of them."""
    from django_tenants import signals
    from django_tenants.migration_executors.base import run_migrations

    found = getattr(signals, signal, None)
    if found is not None:
        found.send(run_migrations, schema_name=tenant.schema)
