"""Nobody else migrates the tenant meanwhile, and it is what it was taken for."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Any, Iterator, Optional

from django.db import transaction

from . import applied
from .project import Tenant

NUMBER = 0x7E7A  # of our advisory locks; the second half is the tenant's name
BUSY = ("55P03", "40P01", "40001")  # lock_not_available, deadlock_detected, serialization_failure


class Busy(Exception):
    """Somebody else has what is needed: the tenant is tried again later."""


class Changed(Exception):
    """The tenant's migrations are not what they were when the run began."""


@contextmanager
def alone(connection: Any, tenant: Tenant, atomic: bool, lock_timeout: float) -> Iterator[Any]:
    """A cursor in the tenant, in a transaction where `atomic`. Raises Busy for a tenant that
    another run migrates."""
    name = "pg_try_advisory_xact_lock" if atomic else "pg_try_advisory_lock"
    if atomic:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            # A request for a lock that waits has all who come after wait too.
            cursor.execute(
                "select set_config('lock_timeout', %s, true)", [_milliseconds(lock_timeout)]
            )
            _take(cursor, name, tenant)
            yield cursor
        return
    with connection.cursor() as cursor:
        _take(cursor, name, tenant)
        try:
            yield cursor
        finally:
            cursor.execute("select pg_advisory_unlock(%s, hashtext(%s))", [NUMBER, tenant.schema])


def applied_now(cursor: Any, tenant: Tenant) -> Optional[str]:
    """The digest of what is applied. None where nothing is, or where there is no table yet."""
    table = applied.table(tenant.schema)
    cursor.execute("select to_regclass(%s)", [table])
    if cursor.fetchone()[0] is None:
        return None
    cursor.execute(f"select {applied.DIGEST} from {table}")
    (digest,) = cursor.fetchone()
    return str(digest) if digest else None


def code_of(error: BaseException) -> str:
    """PostgreSQL's own code, from either driver; nothing for what is not PostgreSQL's."""
    cause = error.__cause__ or error
    return str(getattr(cause, "sqlstate", None) or getattr(cause, "pgcode", None) or "")


def _take(cursor: Any, name: str, tenant: Tenant) -> None:
    cursor.execute(f"select {name}(%s, hashtext(%s))", [NUMBER, tenant.schema])
    if not cursor.fetchone()[0]:
        raise Busy("another run migrates this tenant")


def _milliseconds(seconds: float) -> str:
    return str(max(1, round(seconds * 1000)))
