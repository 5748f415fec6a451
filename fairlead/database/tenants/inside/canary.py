"""The first tenant of a state: migrated by Django, and its SQL taken down."""

from __future__ import annotations

import re
from typing import Any, List, Optional, Tuple

from django.db.migrations import Migration

from . import graph, permissions, project, signals, steps
from .applied import Applied
from .guard import Changed, alone, applied_now
from .plain import renames_content_type, why_not
from .project import Tenant
from .recipe import Recipe, Step, frames, segments
from .recording import Recording, recording


class Canary:
    """`tenant` has `had`, and `found` is what is pending for it; `doing` is the migration at work,
    `begun` says that what it has done stays if it fails. `lock` is how many seconds a lock is
    waited for."""

    def __init__(self, tenant: Tenant, had: Applied, found: graph.Pending, lock: float) -> None:
        self.tenant, self.had, self.found, self.lock = tenant, had, found, lock
        self.connection = project.connection()
        self.doing, self.begun = "", False

    def migrate(self) -> Recipe:
        """Raises Busy, Changed, and whatever a migration raises; its transaction is undone then."""
        project.enter(self.tenant)
        state = signals.before(self.found.executor, self.connection, self.found.plan)
        state.apps  # noqa: B018 renders all models at once, which is what makes it quick
        executor, plan = self.found.executor, self.found.plan
        bare = [Step(migration, tuple(graph.recorded(executor, migration))) for migration in plan]
        cut = segments(self.had.migrations, bare)
        table, taken, apps, script = "", [], None, None
        for segment in cut:
            self.begun = False
            with alone(self.connection, self.tenant, segment.atomic, self.lock) as cursor:
                if applied_now(cursor, self.tenant) != segment.digest:
                    raise Changed("its migrations changed after they were read")
                self.begun = not segment.atomic
                table = table or self._table()
                for step in segment.steps:
                    state, done = self._step(cursor, step, state)
                    taken.append(done)
                if segment is cut[-1]:
                    apps, script = self._finish(cursor, state)
        whole = segments(self.had.migrations, taken)
        named, squashed = self.tenant.schema, self.found.squashed
        return Recipe(named, table, whole, squashed, script, apps, self.found.plan)

    def _table(self) -> str:
        """Made where there is none, in the tenant and not found in the public schema."""
        recorder = self.found.executor.recorder
        recorder._has_table = self.had.has_table
        if self.had.has_table:
            return ""
        project.enter(self.tenant, include_public=False)
        with recording(self.connection) as taken:
            recorder.ensure_schema()
        recorder._has_table = True
        project.enter(self.tenant)
        return steps.joined(taken.statements)

    def _step(self, cursor: Any, step: Step, state: Any) -> Tuple[Any, Step]:
        """The state after it, and the step as the other tenants take it."""
        self.doing = step.name
        before, why = state.clone(), why_not(step.migration)
        if why:
            made = step._replace(why=why, state=before, frames=_frames(step.migration, before))
            steps.run_by_django(self.connection, cursor, made)
            return step.migration.mutate_state(before), made
        with recording(self.connection) as taken:
            _take_renames(step.migration, taken)
            state = self.found.executor.apply_migration(state, step.migration)
        with self.connection.cursor() as own:
            own.execute(steps.BOUNDARY)
        odd = self._odd(taken)
        if odd:
            return state, step._replace(
                why=odd, state=before, frames=_frames(step.migration, before)
            )
        return state, step._replace(sql=steps.joined(taken.statements))

    def _odd(self, taken: Recording) -> Optional[str]:
        if taken.strange:
            return f"SQL beside the schema editor: {taken.strange[:80]}"
        name = re.compile(rf"(?<!\w){re.escape(self.tenant.schema)}(?!\w)")
        named = any(name.search(statement) for statement in taken.statements)
        return f"its SQL names {self.tenant.schema}" if named else None

    def _finish(self, cursor: Any, state: Any) -> Tuple[Any, Optional[str]]:
        self.doing = "post_migrate"
        if self.found.squashed:
            cursor.execute(steps.insert(self.found.squashed))
        apps = signals.rendered(state)
        signals.after(self.connection, apps, self.found.plan)
        if not signals.all_known(self.found.plan):
            return apps, None
        return apps, permissions.script(self.connection, apps)


def _frames(migration: Any, before: Any) -> Any:
    own = type(migration).apply is not Migration.apply
    return () if own else frames(migration, before)


def _take_renames(migration: Any, taken: Recording) -> None:
    """What Django puts behind a RenameModel is done by one statement in the other tenants."""

    def muted(operation: Any, code: Any) -> Any:
        def run(apps: Any, editor: Any) -> None:
            taken.muted = True
            code(apps, editor)
            taken.muted = False
            taken.add(permissions.rename(operation))

        return run

    found: List[Any] = [one for one in migration.operations if renames_content_type(one)]
    for operation in found:
        operation.code = muted(operation, operation.code)
