"""Production, to be read and nothing else: proven before anything of it is."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.database.connect import connect
from fairlead.database.masking.catalog import settle
from fairlead.errors import DatabaseUnreachable, NotReadOnly
from fairlead.store.database import address, first_line

READ_ONLY = {"default_transaction_read_only": "on"}


@contextmanager
def reading(
    environment: str, conninfo: str, *, lock_timeout: float = 2, timeout: float = 60
) -> Iterator[Connection[DictRow]]:
    """One that waits for no lock longer than `lock_timeout` and no statement longer than `timeout`
    seconds. Raises DatabaseUnreachable, NotReadOnly."""
    limits = {
        "lock_timeout": f"{round(lock_timeout * 1000)}",
        "statement_timeout": f"{round(timeout * 1000)}",
    }
    with _connected(environment, conninfo) as connection:
        settle(connection, **limits, **READ_ONLY)
        if not _cannot_write(connection):
            raise NotReadOnly(environment, address(conninfo))
        yield connection


@contextmanager
def _connected(environment: str, conninfo: str) -> Iterator[Connection[DictRow]]:
    try:
        connection = connect(conninfo, "fairlead masking")
    except psycopg.Error as error:
        why = first_line(error)
        raise DatabaseUnreachable(environment, address(conninfo), why) from error
    with connection:
        yield connection


def _cannot_write(connection: Connection[DictRow]) -> bool:
    """Asked in two transactions: a pooler may give each another session."""
    asked = (connection.execute("show transaction_read_only").fetchone() for _ in range(2))
    return all(row is not None and row["transaction_read_only"] == "on" for row in asked)
