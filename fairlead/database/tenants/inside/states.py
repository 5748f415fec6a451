"""The tenants that are behind, by what they have: those of one state take the same way."""

from __future__ import annotations

from typing import Any, Dict, FrozenSet, List, NamedTuple, Tuple

from . import applied, catalog, graph, project
from .applied import Applied, Key
from .connections import Connections
from .events import tell
from .project import Tenant

SHOWN = 10  # states whose difference is told in lines
LINES = 10  # of a difference, told of each tenant that differs


class State(NamedTuple):
    """`tenants` in the project's order, all with `had` and the same catalog."""

    had: Applied
    fingerprint: str
    tenants: List[Tenant]


class Found(NamedTuple):
    """`missing` have no schema."""

    states: List[State]
    at_head: int
    missing: List[Tenant]


def read(free: Connections, tenants: List[Tenant]) -> Found:
    """Few queries over all tenants. Raises graph.Inconsistent."""
    connection = project.connection()
    had = applied.read(connection, [tenant.schema for tenant in tenants], free)
    sets = {one.migrations for one in had.values()}
    waiting = {done for done in sets if graph.seen(connection, done)}
    here = [tenant for tenant in tenants if tenant.schema in had]
    behind = [tenant for tenant in here if had[tenant.schema].migrations in waiting]
    prints = catalog.fingerprints(free, [tenant.schema for tenant in behind])
    states: Dict[Any, State] = {}
    for tenant in behind:
        has, looks = had[tenant.schema], prints[tenant.schema]
        key = (tenant.kind, has.digest, has.has_table, looks)
        states.setdefault(key, State(has, looks, [])).tenants.append(tenant)
    ordered = sorted(states.values(), key=lambda state: -len(state.tenants))
    _tell_drift(connection, ordered)
    missing = [tenant for tenant in tenants if tenant.schema not in had]
    return Found(ordered, len(here) - len(behind), missing)


def _tell_drift(connection: Any, states: List[State]) -> None:
    """Tenants with the same migrations that are made differently, against those that most are
    like. They are migrated all the same: nothing that Django does would find them out."""
    usual: Dict[Tuple[str, FrozenSet[Key]], Tenant] = {}
    told = 0
    for state in states:
        first = state.tenants[0]
        like = usual.setdefault((first.kind, state.had.migrations), first)
        if like is not first:
            names = [tenant.schema for tenant in state.tenants]
            told += 1
            lines = (
                catalog.difference(connection, like.schema, first.schema) if told <= SHOWN else []
            )
            tell("differs", tenants=names, usual=like.schema, lines=lines[:LINES])
