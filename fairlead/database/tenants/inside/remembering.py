"""Which migrations the schemas that are behind have, so that they can be brought back to them."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List

from . import applied, graph, project
from .applied import Key
from .events import tell


def remember() -> int:
    """Tells one `applied` for the shared schema (or the one database of a project without tenants)
    and one for each set that tenants have, where anything is pending. Returns the exit code."""
    connection = project.connection()
    if not project.has_tenants():
        _tell(connection, "shared", [""], plain(connection))
        return 0
    shared = project.public().schema
    project.enter(project.public())
    _tell(connection, "shared", [shared], now(connection, [shared])[shared])
    states: Dict[FrozenSet[Key], List[str]] = {}
    tenants = [tenant.schema for tenant in project.tenants()]
    for schema, done in now(connection, tenants).items():
        states.setdefault(done, []).append(schema)
    for done, schemas in states.items():
        _tell(connection, "tenants", schemas, done)
    return 0


def plain(connection: Any) -> FrozenSet[Key]:
    from django.db.migrations.recorder import MigrationRecorder

    return frozenset(MigrationRecorder(connection).applied_migrations())


def now(connection: Any, schemas: List[str]) -> Dict[str, FrozenSet[Key]]:
    """What is applied in each schema that exists."""
    return {name: one.migrations for name, one in applied.read(connection, schemas).items()}


def _tell(connection: Any, of: str, schemas: List[str], done: FrozenSet[Key]) -> None:
    found = graph.pending(connection, done)
    if found:
        fakes = _faked(found) if of == "shared" else []
        tell("applied", of=of, schemas=schemas, migrations=sorted(done), faked=fakes)


def _faked(found: graph.Pending) -> List[Key]:
    """What `--fake-initial`, which tenants are not migrated with, takes for applied because its
    tables are there: only the row of it is new, and the tables are older than the release."""
    detect = found.executor.detect_soft_applied
    firsts = [one for one in found.plan if one.initial is not False]
    return [(one.app_label, one.name) for one in firsts if detect(None, one)[0]]
