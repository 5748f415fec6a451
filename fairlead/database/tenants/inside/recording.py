"""Takes down what Django's schema editor sends while a migration runs."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import Any, Iterator, List, Optional

# What Django itself does beside the schema editor and that leaves nothing behind, or that is
# written for each tenant by its own means.
KNOWN = re.compile(
    r"\s*(select\b|show\b|set search_path|set constraints|savepoint|release savepoint"
    r'|insert into "django_migrations")',
    re.IGNORECASE,
)
SEARCH_PATH = re.compile(r"\s*set search_path\b", re.IGNORECASE)


class Recording:
    """`statements` in order. `strange` is one that came from elsewhere: what did that would have
    to be done for each tenant."""

    def __init__(self, connection: Any) -> None:
        self.statements: List[str] = []
        self.strange: Optional[str] = None
        self.in_editor = False
        self.muted = False
        self._connection = connection

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        """https://docs.djangoproject.com/en/stable/topics/db/instrumentation/"""
        text = str(sql)
        if self.in_editor and not SEARCH_PATH.match(text):
            self.add(self._connection.ops.compose_sql(text, params) if params else text)
        elif not self.in_editor and not self.muted and not KNOWN.match(text):
            self.strange = self.strange or text
        return execute(sql, params, many, context)

    def add(self, statement: str) -> None:
        self.statements.append(statement.rstrip().rstrip(";"))


@contextmanager
def recording(connection: Any) -> Iterator[Recording]:
    """The schema editor of the connection is recorded."""
    taken = Recording(connection)
    original = connection.SchemaEditorClass

    class Recorded(original):  # type: ignore[misc, valid-type] # Django has no types here
        def execute(self, *args: Any, **kwargs: Any) -> Any:
            taken.in_editor = True
            try:
                return super().execute(*args, **kwargs)
            finally:
                taken.in_editor = False

    connection.SchemaEditorClass = Recorded
    try:
        with connection.execute_wrapper(taken):
            yield taken
    finally:
        connection.SchemaEditorClass = original
