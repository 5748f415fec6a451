"""The plan: what is pending in the shared schema and over all tenants. Changes nothing."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, Tuple

from . import applied, graph, project
from .applied import Key
from .events import tell


def plan() -> int:
    """Tells one `state` for the shared schema and one for each kind of tenant and set of applied
    migrations, then `planned`. Returns the exit code."""
    if project.has_tenants():
        _shared(project.connection(), project.public().schema)
        _tenants(project.connection())
    else:
        _plain(project.connection())
    tell("planned")
    return 0


def _plain(connection: Any) -> None:
    from django.db.migrations.recorder import MigrationRecorder

    done = frozenset(MigrationRecorder(connection).applied_migrations())
    _tell("shared", graph.pending(connection, done), 0, [], bool(done))


def _shared(connection: Any, schema: str) -> None:
    found = applied.read(connection, [schema]).get(schema)
    done: FrozenSet[Key] = found.migrations if found else frozenset()
    _tell("shared", graph.pending(connection, done), 0, [schema], bool(done))


def _tenants(connection: Any) -> None:
    tenants = project.tenants()
    found = applied.read(connection, [tenant.schema for tenant in tenants])
    states: Dict[Tuple[str, FrozenSet[Key]], List[str]] = {}
    for tenant in tenants:
        if tenant.schema in found:
            state = (tenant.kind, found[tenant.schema].migrations)
            states.setdefault(state, []).append(tenant.schema)
    plans = {done: graph.pending(connection, done) for _, done in states}
    for (kind, done), schemas in states.items():
        # Tenants at head are many, and nobody asks who they are.
        named = schemas if plans[done] else []
        _tell("tenants", plans[done], len(schemas), named, bool(done), kind)
    missing = [tenant.schema for tenant in tenants if tenant.schema not in found]
    if missing:
        tell("missing", tenants=missing)


def _tell(
    of: str, found: graph.Pending, tenants: int, named: List[str], begun: bool, kind: str = ""
) -> None:
    """`begun` says that something is applied already: there is code that knows these tables."""
    about = {"tenants": tenants, "named": named, "begun": begun, "kind": kind}
    tell("state", of=of, pending=found.names, squashed=found.squashed, **about)
