"""Watches what the statements of migrations do: their locks, and what becomes of the tables."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import Any, Dict, Iterator, List, Optional, Set

from django.db import transaction

from . import shape
from .events import tell
from .guard import code_of
from .recording import KNOWN

NOT_IN_A_TRANSACTION = "25001"  # active_sql_transaction
# PostgreSQL tells this at debug1 only, without a code, and from 14 on in English (errmsg_internal).
READING = re.compile(r'(verifying table|validating foreign key constraint) "(.*)"')
LOCKS = """
select relation::bigint::text, mode from pg_locks
where pid = pg_backend_pid() and locktype = 'relation' and granted
  and database = (select oid from pg_database where datname = current_database())
"""


class Watch:
    """Tells a `statement` for each that is not one of Django's own looks around. Its locks are read
    before its transaction ends; one outside a transaction gets one, unless it cannot have any."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._notices: List[str] = []
        self._held: Set[Any] = set()
        self._reading = False
        self.own_sql = False  # RunSQL is at work
        with self._undisturbed() as cursor:
            cursor.execute("set client_min_messages = debug1")
            self._now = shape.read(cursor)
        _listen(connection.connection, self._notices)

    @property
    def tables(self) -> shape.Shape:
        return self._now

    def begin(self) -> None:
        """A migration: a transaction of its own, which holds no locks yet."""
        self._held = set()

    def __call__(self, execute: Any, sql: Any, params: Any, many: bool, context: Any) -> Any:
        """https://docs.djangoproject.com/en/stable/topics/db/instrumentation/"""
        if self._reading or (KNOWN.match(str(sql)) and not self.own_sql):
            return execute(sql, params, many, context)
        text = self._text(sql, params, many)
        if self._connection.in_atomic_block:
            return self._watched(execute, sql, params, many, context, text)
        return self._alone(execute, sql, params, many, context, text)

    def _alone(
        self, execute: Any, sql: Any, params: Any, many: bool, context: Any, text: str
    ) -> Any:
        """Where every statement is a transaction, its locks are gone when it has ended."""
        self._held = set()
        try:
            with transaction.atomic(using=self._connection.alias):
                return self._watched(execute, sql, params, many, context, text)
        except Exception as error:
            if code_of(error) != NOT_IN_A_TRANSACTION:
                raise
        del self._notices[:]
        result = execute(sql, params, many, context)
        self._tell(text, _tag(context), None)
        return result

    def _watched(
        self, execute: Any, sql: Any, params: Any, many: bool, context: Any, text: str
    ) -> Any:
        del self._notices[:]
        result = execute(sql, params, many, context)
        read = [list(found.groups()) for found in map(READING.search, self._notices) if found]
        with self._undisturbed() as cursor:
            cursor.execute(LOCKS)
            locks = set(cursor.fetchall())
        self._tell(text, _tag(context), locks, read)
        return result

    def _tell(
        self, text: str, tag: str, locks: Optional[Set[Any]], read: Optional[List[Any]] = None
    ) -> None:
        before = self._now
        with self._undisturbed() as cursor:
            self._now = shape.read(cursor)
        tell(
            "statement",
            sql=text,
            tag=tag,
            own=self.own_sql,
            locks=None if locks is None else sorted(locks - self._held),
            held=sorted(self._held),
            read=read or [],
            changed=shape.changes(before, self._now),
        )
        self._held = self._held | (locks or set())

    def _text(self, sql: Any, params: Any, many: bool) -> str:
        if not params or many:
            return str(sql)
        return str(self._connection.ops.compose_sql(str(sql), params))

    @contextmanager
    def _undisturbed(self) -> Iterator[Any]:
        self._reading = True
        try:
            with self._connection.cursor() as cursor:
                yield cursor
        finally:
            self._reading = False


def _tag(context: Dict[str, Any]) -> str:
    """`ALTER TABLE`: what the server says it was; of several one of them."""
    return str(context["cursor"].statusmessage or "")


def _listen(raw: Any, notices: List[str]) -> None:
    """psycopg 3 calls a handler; psycopg2 appends to whatever list it is given."""
    if hasattr(raw, "add_notice_handler"):
        raw.add_notice_handler(lambda said: notices.append(str(said.message_primary)))
    else:
        raw.notices = notices
