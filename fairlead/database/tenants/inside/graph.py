"""What is pending for one set of applied migrations, by Django's own graph."""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Dict, FrozenSet, Iterator, List, NamedTuple, Tuple

from .applied import Key


class Pending(NamedTuple):
    """`plan` are Django's migrations in order; `squashed` are those recorded as applied because
    all that they replace are."""

    executor: Any
    plan: Tuple[Any, ...]
    squashed: Tuple[Key, ...]

    @property
    def names(self) -> List[Key]:
        return [(migration.app_label, migration.name) for migration in self.plan]

    def __bool__(self) -> bool:
        return bool(self.plan or self.squashed)


class Inconsistent(Exception):
    """The project's migrations cannot be applied to what is there."""


def pending(connection: Any, applied: FrozenSet[Key]) -> Pending:
    """One graph for each set of applied migrations: what replaces what depends on it.

    Raises Inconsistent, and what Django raises of a history that cannot be.
    """
    from django.db.migrations.executor import MigrationExecutor

    with _knowing(applied):
        executor = MigrationExecutor(connection)
        executor.loader.check_consistent_history(connection)
    conflicts = executor.loader.detect_conflicts()
    if conflicts:
        raise Inconsistent(f"conflicting migrations, merge them: {conflicts}")
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    migrations = tuple(migration for migration, _ in plan)
    after = applied.union(*(recorded(executor, migration) for migration in migrations))
    return Pending(executor, migrations, tuple(_told(executor, after, "check_replacements")))


@lru_cache(maxsize=None)  # noqa: UP033 Python 3.8 has no cache
def seen(connection: Any, applied: FrozenSet[Key]) -> Pending:
    """As `pending`, made once: to be looked at only. What migrates puts operations into its own."""
    return pending(connection, applied)


@contextmanager
def table_known(has_table: bool) -> Iterator[None]:
    """Where django_migrations is there, Django need not list all tables of the database to find it:
    it does so several times for each schema, and the time of it grows with all tenants."""
    from django.db.migrations.recorder import MigrationRecorder

    original = MigrationRecorder.has_table
    if has_table:
        MigrationRecorder.has_table = lambda self: True
    try:
        yield
    finally:
        MigrationRecorder.has_table = original


def recorded(executor: Any, migration: Any) -> List[Key]:
    """The rows of django_migrations that Django writes once the migration is applied: what it does
    for one that replaces others is not the same in all versions."""
    names = (migration.app_label, migration.name)
    by_name = "migration" not in inspect.signature(executor.record_migration).parameters
    return _told(executor, frozenset(), "record_migration", *(names if by_name else [migration]))


class _Told:
    """Stands in for Django's recorder and only notes what it is told."""

    def __init__(self, applied: FrozenSet[Key]) -> None:
        self.rows: List[Key] = []
        self._applied = applied

    def applied_migrations(self) -> Dict[Key, None]:
        return dict.fromkeys(self._applied)

    def record_applied(self, app: str, name: str) -> None:
        self.rows.append((app, name))


def _told(executor: Any, applied: FrozenSet[Key], method: str, *arguments: Any) -> List[Key]:
    """What the executor's method would have recorded where `applied` is."""
    real, executor.recorder = executor.recorder, _Told(applied)
    try:
        getattr(executor, method)(*arguments)
        return list(executor.recorder.rows)
    finally:
        executor.recorder = real


@contextmanager
def _knowing(applied: FrozenSet[Key]) -> Iterator[None]:
    """Django's loader takes `applied` for what is recorded, and asks the database nothing."""
    from django.db.migrations import loader

    original = loader.MigrationRecorder

    class Known(original):  # type: ignore[misc, valid-type] # Django has no types here
        def applied_migrations(self) -> Dict[Key, None]:
            return dict.fromkeys(applied)

    loader.MigrationRecorder = Known
    try:
        yield
    finally:
        loader.MigrationRecorder = original
