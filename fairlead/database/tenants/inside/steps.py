"""One migration in one tenant: replayed, or run by Django's own operations."""

from __future__ import annotations

from typing import Any, Iterable, List

from django.db import transaction

from .applied import Key
from .recipe import Step

# What was deferred to the end of the transaction is checked where Django would have committed:
# no later ALTER TABLE may find events of a trigger waiting.
BOUNDARY = "set constraints all immediate; set constraints all deferred"


def parts(step: Step) -> List[str]:
    """Of a step that is replayed."""
    return [step.sql or "", insert(step.rows), BOUNDARY]


def joined(statements: Iterable[str]) -> str:
    """A statement may end in a comment: what divides it from the next is a line of its own."""
    return "\n;\n".join(statement for statement in statements if statement)


def literal(value: str) -> str:
    """Standard-conforming strings: only the quote itself has to be doubled."""
    return "'{}'".format(value.replace("'", "''"))


def run_by_django(connection: Any, cursor: Any, step: Step) -> None:
    with connection.schema_editor(atomic=step.migration.atomic) as editor:
        if step.frames:
            _run_frames(connection, editor, step)
        else:
            step.migration.apply(step.state.clone(), editor)
    cursor.execute(
        f"{insert(step.rows)}; {BOUNDARY}" if step.migration.atomic else insert(step.rows)
    )


def insert(rows: Iterable[Key]) -> str:
    """The rows of django_migrations, in their order."""
    return joined(
        "insert into django_migrations (app, name, applied) values ({}, {}, now())".format(
            *map(literal, row)
        )
        for row in rows
    )


def _run_frames(connection: Any, editor: Any, step: Step) -> None:
    """As Migration.apply does it."""
    label = step.migration.app_label
    for operation, before, after in step.frames:
        _forget(before.apps)
        own = operation.atomic or (step.migration.atomic and operation.atomic is not False)
        if own and not editor.atomic_migration:
            with transaction.atomic(using=connection.alias):
                operation.database_forwards(label, editor, before, after)
        else:
            operation.database_forwards(label, editor, before, after)


def _forget(apps: Any) -> None:
    """Managers that keep rows, as that of content types does, would keep another tenant's."""
    for model in apps.get_models():
        for manager in model._meta.managers:
            clear = getattr(manager, "clear_cache", None)
            if callable(clear):
                clear()
