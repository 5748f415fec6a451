"""Connections to the store's PostgreSQL, and the one place that translates psycopg's errors."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow, dict_row
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from fairlead.errors import StoreBehind, StoreEncoded, StoreUnreachable
from fairlead.store import schema

Result = TypeVar("Result")
PATIENCE = 15.0  # seconds to wait for a store that restarts, before giving up
# What is not there, or was not granted: another version's schema.
BEHIND = (
    psycopg.errors.UndefinedTable,
    psycopg.errors.UndefinedColumn,
    psycopg.errors.InsufficientPrivilege,
)
NO_URL = "(not a PostgreSQL URL)"


class Database:
    """A pool of at most four connections whose search path is the store's schema."""

    def __init__(self, conninfo: str) -> None:
        self.conninfo = conninfo
        self._pool: ConnectionPool[psycopg.Connection[DictRow]] = ConnectionPool(
            conninfo,
            min_size=1,
            max_size=4,
            open=False,
            timeout=PATIENCE,
            check=ConnectionPool.check_connection,
            kwargs={
                "row_factory": dict_row,
                "options": f"-c search_path={schema.SCHEMA}",
                "application_name": "fairlead",
                "connect_timeout": 5,
            },
        )

    def ready(self) -> None:
        """Connect once, migrate when behind, open the pool.

        Raises StoreUnreachable, StoreEncoded, StoreBehind.
        """
        if address(self.conninfo) == NO_URL:  # what psycopg says of it repeats it, password and all
            raise StoreUnreachable(NO_URL, "what FAIRLEAD_STORE_URL holds cannot be read")
        try:
            with psycopg.connect(self.conninfo, connect_timeout=5) as connection:
                encoding = connection.info.parameter_status("server_encoding")
                if encoding != "UTF8":  # SQL_ASCII gives bytes back, the others not all of a text
                    raise StoreEncoded(address(self.conninfo), str(encoding))
                current, role = schema.is_current(connection), connection.info.user
            if not current:
                self._migrate(role)
        except psycopg.Error as error:
            raise self._unreachable(error) from error
        self._pool.open()

    def _migrate(self, role: str) -> None:
        try:
            schema.migrate(self.conninfo)
        except psycopg.errors.InsufficientPrivilege as error:
            why = f"it is older, and {role} may not change it"
            raise StoreBehind(address(self.conninfo), why) from error

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def transaction(self, patience: float = PATIENCE) -> Iterator[psycopg.Connection[DictRow]]:
        """One transaction. Raises StoreUnreachable when the store is away or goes away, StoreBehind
        when it was made another version's meanwhile."""
        try:
            with self._pool.connection(timeout=patience) as connection:
                yield connection
        except (psycopg.OperationalError, PoolTimeout, PoolClosed) as error:
            raise self._unreachable(error) from error
        except BEHIND as error:
            raise StoreBehind(address(self.conninfo), first_line(error)) from error

    def surely(self, act: Callable[[psycopg.Connection[DictRow]], Result]) -> Result:
        """`act` in one transaction, and once more where that was lost: a store that restarts is
        waited for. Nobody knows then whether it had been committed, so it has to come to the same
        made twice. Raises StoreUnreachable."""
        try:
            with self.transaction() as connection:
                return act(connection)
        except StoreUnreachable as error:
            if isinstance(error.__cause__, PoolTimeout | PoolClosed):
                raise  # it has been waited for
        with self.transaction() as connection:
            return act(connection)

    def _unreachable(self, error: Exception) -> StoreUnreachable:
        return StoreUnreachable(address(self.conninfo), first_line(error))


def first_line(error: Exception) -> str:
    """What a server or libpq says first; the rest is where in the statement, and hints."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def address(conninfo: str) -> str:
    """Where `conninfo` points, without user and password: `host:port/database`."""
    try:
        fields = conninfo_to_dict(conninfo)
    except psycopg.ProgrammingError:
        return NO_URL
    host = fields.get("host") or fields.get("hostaddr") or "local socket"
    return f"{host}:{fields.get('port') or 5432}/{fields.get('dbname') or ''}"
