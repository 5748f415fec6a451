"""Every other tenant of a state: what the canary showed, in one transaction."""

from __future__ import annotations

from functools import partial
from typing import Any, Optional, Set

from . import connections, project, script, signals, steps
from .attempt import Outcome, attempt
from .connections import Connections
from .guard import BUSY, Changed, alone, applied_now, code_of
from .project import Tenant
from .recipe import Recipe, Segment, Step


def follow(recipe: Recipe, lock: float, tenant: Tenant) -> Outcome:
    follower = Follower(tenant, recipe, lock)
    return attempt(tenant, follower, follower.migrate)[0]


class Replay:
    """What is done in each tenant of a plain recipe: all of it at once. What does not go so is done
    step by step, which tells the migration at work."""

    def __init__(self, recipe: Recipe, body: str, lock: float, free: Connections) -> None:
        self.recipe, self.body, self.lock, self.free = recipe, body, lock, free
        self._waited: Set[str] = set()

    def __call__(self, tenant: Tenant) -> Outcome:
        follower = Follower(tenant, self.recipe, self.lock)
        return attempt(tenant, follower, partial(self._migrate, follower))[0]

    def _migrate(self, follower: Follower) -> None:
        tenant = follower.tenant
        if tenant.schema in self._waited or not self._at_once(tenant):
            try:
                follower.migrate()
            finally:
                follower.connection.close()  # this thread's own

    def _at_once(self, tenant: Tenant) -> bool:
        text = script.whole(self.recipe, self.body, tenant, self.lock)
        try:
            with self.free.one() as connection:
                connections.run(connection, text)
        except Exception as error:
            if code_of(error) in BUSY:
                self._waited.add(tenant.schema)
                raise
            return False
        return True


class Follower:
    """`doing` is the migration at work, `begun` says that what it has done stays if it fails.
    `lock` is how many seconds a lock is waited for."""

    def __init__(self, tenant: Tenant, recipe: Recipe, lock: float) -> None:
        self.tenant, self.recipe, self.lock = tenant, recipe, lock
        self.connection = project.connection()
        self.doing, self.begun = "", False

    def migrate(self) -> None:
        """Goes on behind what an earlier attempt has committed. Raises Busy, Changed, and whatever
        a migration raises; its transaction is undone then."""
        project.enter(self.tenant)
        begun = False
        for segment in self.recipe.segments:
            begun = self._segment(segment, begun) or begun
        if not begun:
            raise Changed("its migrations changed after they were read")

    def _segment(self, segment: Segment, begun: bool) -> bool:
        """False for one that is not the tenant's next."""
        self.begun = False
        with alone(self.connection, self.tenant, segment.atomic, self.lock) as cursor:
            if applied_now(cursor, self.tenant) != segment.digest:
                if begun:
                    raise Changed("its migrations changed while it was migrated")
                return False
            first = segment is self.recipe.segments[0]
            if first and self.recipe.table:
                cursor.execute(self.recipe.table)
            self.begun = not segment.atomic
            for step in segment.steps:
                self._step(cursor, step)
            if segment is self.recipe.segments[-1]:
                self._finish(cursor)
        return True

    def _step(self, cursor: Any, step: Step) -> None:
        self.doing = step.name
        if step.sql is None:
            steps.run_by_django(self.connection, cursor, step)
        else:
            cursor.execute(steps.joined(steps.parts(step)))

    def _finish(self, cursor: Any) -> None:
        self.doing = "post_migrate"
        script: Optional[str] = self.recipe.permissions
        whole = steps.joined([steps.insert(self.recipe.squashed), script or ""])
        if whole:
            cursor.execute(whole)
        if script is None:
            signals.after(self.connection, self.recipe.apps, self.recipe.plan)
