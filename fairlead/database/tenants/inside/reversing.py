"""Back to the migrations of before: by Django's own way backwards, tenants first, then the shared
schema. What cannot be brought back is found before anything is touched."""

from __future__ import annotations

import json
import time
from functools import partial
from typing import Any, Callable, Dict, FrozenSet, Iterator, List, NamedTuple, Optional, Tuple

from . import graph, project, signals
from .applied import Key
from .attempt import attempt
from .events import tell
from .guard import BUSY, alone, code_of
from .ledger import Ledger
from .project import Tenant
from .remembering import now, plain

STUCK = 3  # the exit code where nothing was touched


class Before(NamedTuple):
    """What was told by `remember`: `schemas` had exactly `migrations`, and `faked` are those that
    the release only wrote the row of."""

    of: str
    schemas: List[str]
    migrations: FrozenSet[Key]
    faked: FrozenSet[Key]


class Way(NamedTuple):
    """Back from what a schema has to what it had: `undo` in the order in which they were applied,
    `rows` of django_migrations that go without a change of the schema."""

    executor: Any
    undo: Tuple[Any, ...]
    rows: FrozenSet[Key]


def way(connection: Any, before: Before, has: FrozenSet[Key]) -> Way:
    """By the graph as it was before: that is the way the release took."""
    found = graph.pending(connection, before.migrations)
    new = has - before.migrations
    taken = [one for one in found.plan if new.intersection(graph.recorded(found.executor, one))]
    undo = tuple(one for one in taken if (one.app_label, one.name) not in before.faked)
    undone: FrozenSet[Key] = frozenset().union(
        *(graph.recorded(found.executor, one) for one in undo)
    )
    return Way(found.executor, undo, new - undone)


def problems(connection: Any, before: Before, has: FrozenSet[Key]) -> Iterator[str]:
    """Why a schema cannot be brought back, a line each."""
    found = way(connection, before, has)
    known = {*found.executor.loader.disk_migrations, *before.faked}
    for app, name in sorted(before.migrations - has):
        yield f"{app}.{name} was applied before and is not now"
    for app, name in sorted(found.rows - known):
        yield f"{app}.{name} is applied, and the release does not know it"
    for migration in found.undo:
        for operation in migration.operations:
            if not operation.reversible:
                yield f"{migration.app_label}.{migration.name}: {operation.describe()}"


def reverse(path: str, lock_timeout: float, attempts: int) -> int:
    """`path` is a file of what was told before, as JSON. Tells `stuck` with the reasons, or
    `unapplying` each migration, `tenant` for each and `ended`. Returns the exit code."""
    from django.utils import translation

    translation.deactivate_all()
    signals.connect()
    with open(path) as file:
        parts = [_part(one) for one in json.load(file)]
    reasons = sorted({reason for part in parts for reason in _stuck(part)})
    if reasons:
        tell("stuck", reasons=reasons)
        return STUCK
    going = _Going(lock_timeout, attempts)
    if not going.tenants([part for part in parts if part.of == "tenants"]):
        return 1
    for part in parts:
        if part.of == "shared":
            going.shared(part)
    return 0


def _part(told: Dict[str, Any]) -> Before:
    sets = (frozenset((app, name) for app, name in told[key]) for key in ("migrations", "faked"))
    return Before(told["of"], told["schemas"], *sets)


def _stuck(part: Before) -> Iterator[str]:
    """Each set that the schemas have by now is looked at once."""
    for has in set(_sets(part).values()):
        yield from problems(project.connection(), part, has)


def _sets(part: Before) -> Dict[str, FrozenSet[Key]]:
    """What each schema has by now; one that is gone is left out."""
    connection = project.connection()
    return {"": plain(connection)} if part.schemas == [""] else now(connection, part.schemas)


class _Going:
    """Going back. `lock` is how many seconds a lock is waited for, in each of `attempts`; `doing`
    is the migration at work, `begun` says that what it has done stays if it fails."""

    def __init__(self, lock: float, attempts: int) -> None:
        self.connection = project.connection()
        self.lock, self.attempts = lock, attempts
        self.doing, self.begun = "", False

    def tenants(self, parts: List[Before]) -> bool:
        """Every tenant is tried, also after one that fails."""
        known = {one.schema: one for one in project.tenants()} if parts else {}
        todo = [
            (part, known.get(schema, Tenant(schema)))
            for part in parts
            for schema, has in _sets(part).items()
            if has != part.migrations
        ]
        ledger = Ledger(len(todo), len(todo), self.attempts, [])
        for part, tenant in todo:
            self._patiently(ledger, tenant, partial(self._back, part, tenant))
        tell("ended", done=len(ledger.done), failed=ledger.failed, left=0, stopped="")
        return not ledger.failed

    def _patiently(self, ledger: Ledger, tenant: Tenant, back: Callable[[], None]) -> None:
        again: Optional[float] = 0.0
        number = 0
        while again is not None:
            time.sleep(again)
            number += 1
            outcome, _ = attempt(tenant, self, back)
            again = ledger.take(outcome, number)

    def shared(self, part: Before) -> None:
        public = project.public() if project.has_tenants() else Tenant("")
        for number in range(1, self.attempts + 1):
            try:
                self._back(part, public)
                break
            except Exception as error:
                if code_of(error) not in BUSY or self.begun or number == self.attempts:
                    raise
            time.sleep(Ledger.pause(number))

    def _back(self, part: Before, tenant: Tenant) -> None:
        """Each migration commits by itself, as Django has it: this can be begun again."""
        if tenant.schema:
            project.enter(tenant)
        with alone(self.connection, tenant, False, self.lock) as cursor:
            cursor.execute(f"set lock_timeout = {max(1, round(self.lock * 1000))}")
            found = way(self.connection, part, self._now(part, tenant))
            if found.undo:
                self._undo(found)
            for app, name in found.rows:
                found.executor.recorder.record_unapplied(app, name)
            if self._now(part, tenant) != part.migrations:
                raise RuntimeError("its migrations are still not those of before")

    @staticmethod
    def _now(part: Before, tenant: Tenant) -> FrozenSet[Key]:
        return _sets(part._replace(schemas=[tenant.schema]))[tenant.schema]

    def _undo(self, found: Way) -> None:
        state = signals.before(found.executor, self.connection, found.undo[::-1], backwards=True)
        ways, after = [], state
        for migration in found.undo:
            ways.append((migration, after))
            after = migration.mutate_state(after, preserve=True)
        for migration, before in reversed(ways):
            self.doing, self.begun = f"{migration.app_label}.{migration.name}", not migration.atomic
            tell("unapplying", migration=self.doing)
            found.executor.unapply_migration(before, migration)
            self.begun = False
        self.doing = "post_migrate"
        signals.after(self.connection, signals.rendered(state), found.undo[::-1], backwards=True)
