"""How the tenants of one state are brought to the release: what their canary showed."""

from __future__ import annotations

from typing import Any, FrozenSet, Iterable, List, NamedTuple, Optional, Tuple

from . import applied
from .applied import Key


class Frame(NamedTuple):
    """One operation of a migration with the states before and after it, their models rendered
    once for all tenants."""

    operation: Any
    before: Any
    after: Any


class Step(NamedTuple):
    """One migration: `sql` where it is replayed, else `why` not; Django runs its frames then, or
    its own apply() from `state` where it has no frames."""

    migration: Any
    rows: Tuple[Key, ...]
    sql: Optional[str] = None
    why: Optional[str] = None
    frames: Tuple[Frame, ...] = ()
    state: Any = None

    @property
    def name(self) -> str:
        return f"{self.migration.app_label}.{self.migration.name}"


class Segment(NamedTuple):
    """What is done in one transaction, or, where not `atomic`, one migration in none. `digest` is
    what has to be applied before."""

    atomic: bool
    digest: Optional[str]
    steps: Tuple[Step, ...]


class Recipe(NamedTuple):
    """`canary` is the schema it was made in. `table` makes django_migrations where there is none.
    `permissions` is the SQL for content types and permissions; where it is None, `apps` are sent to
    the receivers of post_migrate instead."""

    canary: str
    table: str
    segments: Tuple[Segment, ...]
    squashed: Tuple[Key, ...]
    permissions: Optional[str]
    apps: Any
    plan: Tuple[Any, ...]


def frames(migration: Any, state: Any) -> Tuple[Frame, ...]:
    """As Migration.apply makes the states, without a database. `state` is that before it."""
    made: List[Frame] = []
    for operation in migration.operations:
        before, state = state, state.clone()
        operation.state_forwards(migration.app_label, state)
        made.append(Frame(operation, _settled(operation, before), state))
    return tuple(made)


def _settled(operation: Any, state: Any) -> Any:
    """RunPython has a state that was not wholly rendered rendered again, each time it is run."""
    from django.db.migrations import RunPython

    if isinstance(operation, RunPython):
        state.clear_delayed_apps_cache()
        state.apps  # noqa: B018 rendered here, once for all tenants
        state.is_delayed = False
    return state


def segments(had: FrozenSet[Key], steps: Iterable[Step]) -> Tuple[Segment, ...]:
    """Pure. A migration that takes care of its transactions itself stands alone; the last segment
    is a transaction, in which the tenant is finished."""
    cut: List[Segment] = []
    for step in steps:
        atomic = bool(step.migration.atomic)
        if cut and atomic and cut[-1].atomic:
            cut[-1] = cut[-1]._replace(steps=(*cut[-1].steps, step))
        else:
            cut.append(Segment(atomic, applied.digest(had), (step,)))
        had = had.union(step.rows)
    if not cut or not cut[-1].atomic:
        cut.append(Segment(True, applied.digest(had), ()))
    return tuple(cut)
