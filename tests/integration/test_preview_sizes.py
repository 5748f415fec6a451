"""How large a table is in the real database, while others go on with it."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from psycopg import Connection
from psycopg.rows import DictRow

from examples.stand.postgres import Postgres, postgres_url
from fairlead.database.backup.beside import connected
from fairlead.database.preview import sizes
from fairlead.database.preview.model import (
    Lock,
    PreviewedMigration,
    Size,
    Stage,
    Statement,
    Table,
)
from fairlead.database.preview.sizes import with_sizes
from tests.bench.many import copy_database
from tests.bench.waiting import until

A = Table("", "a")
LOCKED = Statement("alter table a add x int", locks=(Lock("ACCESS EXCLUSIVE", A),))
STAGE = Stage("one", 2, (PreviewedMigration("shop", "0002", statements=(LOCKED,)),))
FILL = """
create schema one; create table one.a as select generate_series(1, 100) as id;
create schema two; create table two.a as select generate_series(1, 1000) as id; analyze two.a;
"""


@pytest.fixture
def url(postgres: Postgres) -> Iterator[str]:
    """Two tenants, of which the second is the larger one."""
    name = f"sizes_{uuid.uuid4().hex[:8]}"
    url = copy_database(postgres.url(), "template1", name)
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(FILL)
    yield url
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(f"drop database {name} with (force)")


def sized(url: str, lock_timeout: str = "30s") -> list[Size]:
    with connected(url, "fairlead") as connection:
        connection.execute("select set_config('lock_timeout', %s, false)", (lock_timeout,))
        return list(with_sizes(connection, STAGE, ("one", "two")).sizes)


def test_largest_of_the_tenants_is_counted(url: str) -> None:
    (size,) = sized(url)
    assert (size.table, size.rows, size.exact, size.tables) == (A, 1000, True, 2)


def test_tenant_that_is_dropped_before_its_rows_are_counted_is_estimated(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = sizes._rows

    def late(connection: Connection[DictRow], row: DictRow) -> tuple[int | None, bool]:
        with psycopg.connect(url, autocommit=True) as other:
            other.execute("drop schema two cascade")
        return count(connection, row)

    monkeypatch.setattr(sizes, "_rows", late)
    (size,) = sized(url)
    assert (size.rows, size.exact, size.tables) == (1000, False, 2)


def test_tenant_that_is_dropped_while_its_size_is_read_does_not_count(url: str) -> None:
    found: list[list[Size]] = []
    with dropping(url):
        reader = threading.Thread(target=lambda: found.append(sized(url)))
        reader.start()
        until(lambda: waits(url))
    reader.join()
    ((size,),) = found
    assert (size.rows, size.exact, size.tables) == (100, True, 1)


def test_table_that_somebody_has_locked_is_estimated(url: str) -> None:
    with psycopg.connect(url) as other:
        other.execute("lock table two.a in access exclusive mode")
        (size,) = sized(url, lock_timeout="0.1s")
        assert (size.rows, size.exact, size.tables) == (1000, False, 2)
        assert size.bytes == 5 * 8192


UNFILLED = """
drop schema one cascade; drop table two.a;
create materialized view two.a as select 1 as id with no data;
"""


def test_view_that_was_never_filled_has_no_rows_that_anybody_knows(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(UNFILLED)
    (size,) = sized(url)
    assert (size.rows, size.exact) in ((None, False), (0, False))


def test_rows_that_the_role_may_not_read_are_estimated(postgres: Postgres, url: str) -> None:
    database = url.rpartition("/")[2]
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"create role {database} login password 'x'")
        (size,) = sized(postgres_url(postgres, database, "x", database))
        connection.execute(f"drop role {database}")
    assert (size.rows, size.exact, size.tables) == (1000, False, 2)


@contextmanager
def dropping(url: str) -> Iterator[None]:
    """The second tenant, gone for others at the end."""
    with psycopg.connect(url) as connection:
        connection.execute("drop schema two cascade")
        yield


def waits(url: str) -> bool:
    """Somebody, for a lock of this database."""
    with psycopg.connect(url) as connection:
        found = connection.execute(
            "select exists (select from pg_locks l join pg_database d on d.oid = l.database "
            "where d.datname = current_database() and not l.granted)"
        ).fetchone()
    return bool(found and found[0])
