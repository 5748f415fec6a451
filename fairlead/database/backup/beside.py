"""Databases beside the one that matters: made like it, and taken away again."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow

from fairlead.database.connect import connect

LIKE = """
select pg_encoding_to_char(d.encoding) as encoding, to_jsonb(d) as row, t.spcname as tablespace
from pg_database d join pg_tablespace t on t.oid = d.dattablespace where d.datname = %s
"""
PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
ELSEWHERE = ("postgres", "template1")


def at(conninfo: str, database: str) -> str:
    """The same server and role, another database."""
    fields: dict[str, Any] = {**conninfo_to_dict(conninfo), "dbname": database}
    return make_conninfo(**fields)


@contextmanager
def connected(conninfo: str, name: str, timeout: float = 0) -> Iterator[Connection[DictRow]]:
    """Every statement for itself. `timeout` is seconds for each of them."""
    with connect(conninfo, name) as connection:
        connection.execute("select set_config('statement_timeout', %s, false)",
                           (str(int(timeout * 1000)),))  # fmt: skip
        connection.execute("set row_security = off; set idle_in_transaction_session_timeout = 0")
        yield connection


@contextmanager
def elsewhere(conninfo: str, name: str, timeout: float = 0) -> Iterator[Connection[DictRow]]:
    """Connected to the same server, to a database that nobody renames or copies."""
    own = conninfo_to_dict(conninfo).get("dbname")
    first, *others = [database for database in ELSEWHERE if database != own]
    try:
        connect(at(conninfo, first), name).close()
    except psycopg.OperationalError:
        first = others[0] if others else first
    with connected(at(conninfo, first), name, timeout) as there:
        yield there


def create_like(connection: Connection[DictRow], source: str, new: str) -> None:
    """An empty database with the encoding and the collation of `source`; nobody but its owner may
    connect to it."""
    found = connection.execute(LIKE, (source,)).fetchone()
    assert found is not None
    connection.execute(
        sql.SQL("create database {} template template0 {}").format(
            sql.Identifier(new), sql.SQL(" ").join(_options(found))
        )
    )
    connection.execute(sql.SQL("revoke all on database {} from public").format(sql.Identifier(new)))


def _options(found: Mapping[str, Any]) -> Iterator[sql.Composable]:
    row = found["row"]
    values = {
        "ENCODING": found["encoding"],
        "LC_COLLATE": row["datcollate"],
        "LC_CTYPE": row["datctype"],
    }
    provider = PROVIDERS.get(row["datlocprovider"]) if "datlocprovider" in row else None
    if provider:
        values |= {
            "LOCALE_PROVIDER": provider[0],
            provider[1]: row.get("datlocale") or row["daticulocale"],
        }
    for name, value in values.items():
        yield sql.SQL("{} {}").format(sql.SQL(name), sql.Literal(value))
    if found["tablespace"] != "pg_default":
        yield sql.SQL("TABLESPACE {}").format(sql.Identifier(found["tablespace"]))


def drop(connection: Connection[DictRow], database: str) -> None:
    """Whoever is connected; nothing where there is none."""
    connection.execute(
        sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(database))
    )


def stamp_of(now: datetime) -> str:
    """For a name beside it: one may follow within the second."""
    utc = now.astimezone(UTC)
    return f"{utc:%Y%m%dT%H%M%S}{utc.microsecond // 1000:03}"


def fitted(database: str, suffix: str) -> str:
    """A name for one beside it: PostgreSQL cuts names at 63 bytes."""
    room = 63 - len(suffix.encode())
    return database.encode()[:room].decode("utf-8", "ignore") + suffix
