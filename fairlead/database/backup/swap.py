"""Two databases change places: the new one gets the name, the old one is kept under another.

The renames, the owner, the rights and the settings are one transaction, and nothing is changed
before it: whoever kills us leaves all as it was, or all done. RENAME has whoever connects wait, and
is itself only done once nobody is connected, for which it looks ten times a second and no longer
than 5 s; so the sessions are ended before it, in the same message, and by another connection beside
it.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.backup.beside import elsewhere, fitted

NAME = "fairlead swap"
BETWEEN = "~"
PAUSE = 0.005  # seconds between two rounds of ending sessions beside it
WHOSE = """
select pg_get_userbyid(datdba) as owner, datconnlimit as connections
from pg_database where datname = %s
"""
RIGHTS = """
select pg_get_userbyid(grantee) as grantee, grantee = 0 as everybody, privilege_type,
  is_grantable
from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) where datname = %s
"""
OTHERS = """
select distinct pg_get_userbyid(grantee) as name from pg_database, aclexplode(datacl)
where datname = %s and grantee not in (0, datdba)
"""
SETTINGS = """
select case when setrole <> 0 then pg_get_userbyid(setrole) end as role,
  unnest(setconfig) as setting
from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = %s)
"""
END = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = %s and backend_type = 'client backend'
"""
# Who comes back at once takes milliseconds for it, and a session that ends less than one.
EMPTIED = """
begin
  for round in 1..200 loop
    perform pg_stat_clear_snapshot();
    perform pg_terminate_backend(pid) from pg_stat_activity
      where datname = {database} and backend_type = 'client backend';
    exit when not found;
    perform pg_sleep(0.0005);
  end loop;
end
"""
TAKEN_AS_THEY_ARE = ("role", "session_authorization")  # to set them is to become somebody else


@dataclass(frozen=True, slots=True)
class Belongings:
    """What belongs to a database and is in no dump of its content."""

    owner: str
    connections: int
    rights: Sequence[Mapping[str, Any]]
    settings: Sequence[Mapping[str, Any]]


def belongings(connection: Connection[DictRow], database: str) -> Belongings:
    whose = connection.execute(WHOSE, (database,)).fetchone()
    assert whose is not None
    return Belongings(
        whose["owner"],
        whose["connections"],
        connection.execute(RIGHTS, (database,)).fetchall(),
        connection.execute(SETTINGS, (database,)).fetchall(),
    )


def check_may_carry_over(connection: Connection[DictRow], database: str) -> None:
    """Whether our role may give to another database what belongs to this one: it is given to itself
    and that is taken back. Raises psycopg.Error where it may not."""
    whole = belongings(connection, database)
    with connection.transaction(force_rollback=True):
        _carry_over(connection, database, whole)


def swap(connection: Connection[DictRow], conninfo: str, *, old: str, new: str, kept: str) -> float:
    """`new` is called as `old` was, which is called `kept`; for how many seconds nobody could
    connect to it. `connection` is to neither of them, and to the server of `conninfo`.

    Raises psycopg.Error; then all is as it was.
    """
    whole = belongings(connection, old)
    between = fitted(new, BETWEEN)
    with _ending(conninfo, old) as end, ThreadPoolExecutor(1) as pool:
        with connection.transaction():
            _rename(connection, new, between)  # autovacuum may have been in it
            began = time.monotonic()
            renamed = pool.submit(_rename, connection, old, kept)
            while not renamed.done():
                end()
                wait([renamed], PAUSE)
            renamed.result()
            _rename(connection, between, old)
            _carry_over(connection, old, whole)
        return time.monotonic() - began


@contextmanager
def _ending(conninfo: str, database: str) -> Iterator[Callable[[], object]]:
    """What ends all sessions of the database."""
    with elsewhere(conninfo, NAME) as connection:
        yield lambda: connection.execute(END, (database,))


def allow_connections(connection: Connection[DictRow], database: str, *, allow: bool) -> None:
    connection.execute(
        sql.SQL("alter database {} allow_connections {}").format(
            sql.Identifier(database), sql.Literal(allow)
        )
    )


def _rename(connection: Connection[DictRow], database: str, name: str) -> None:
    emptied = sql.SQL(EMPTIED).format(database=sql.Literal(database)).as_string(connection)
    connection.execute(
        sql.SQL("do {}; alter database {} rename to {}").format(
            sql.Literal(emptied), sql.Identifier(database), sql.Identifier(name)
        )
    )


def _carry_over(connection: Connection[DictRow], database: str, whole: Belongings) -> None:
    here = sql.Identifier(database)
    connection.execute(
        sql.SQL("alter database {} owner to {}").format(here, sql.Identifier(whole.owner))
    )
    connection.execute(
        sql.SQL("alter database {} connection limit {}").format(
            here, sql.Literal(whole.connections)
        )
    )
    for other in connection.execute(OTHERS, (database,)).fetchall():
        connection.execute(
            sql.SQL("revoke all on database {} from {} cascade").format(
                here, sql.Identifier(other["name"])
            )
        )
    give(connection, database, whole)
    for setting in whole.settings:
        _set(connection, here, setting)


def give(connection: Connection[DictRow], database: str, whole: Belongings) -> None:
    """The rights that somebody has on it."""
    here = sql.Identifier(database)
    connection.execute(sql.SQL("revoke all on database {} from public").format(here))
    for right in whole.rights:
        connection.execute(_granted(here, right))


def _granted(database: sql.Identifier, right: Mapping[str, Any]) -> sql.Composed:
    who = sql.SQL("public") if right["everybody"] else sql.Identifier(right["grantee"])
    further = sql.SQL(" with grant option" if right["is_grantable"] else "")
    kind = sql.SQL(right["privilege_type"])  # one of the server's own words
    return sql.SQL("grant {} on database {} to {}{}").format(kind, database, who, further)


def _set(
    connection: Connection[DictRow], database: sql.Identifier, setting: Mapping[str, Any]
) -> None:
    """What is set for a role, that role itself may set too."""
    try:
        with connection.transaction():
            _put(connection, database, setting)
    except psycopg.errors.InsufficientPrivilege:
        if not setting["role"]:
            raise
        role = sql.Identifier(setting["role"])
        connection.execute(sql.SQL("set local role {}").format(role))
        _put(connection, database, setting)
        connection.execute("set local role none")


def _put(
    connection: Connection[DictRow], database: sql.Identifier, setting: Mapping[str, Any]
) -> None:
    """A list of names cannot be written as one literal; what is set now can be taken as it is."""
    name, _, value = setting["setting"].partition("=")
    where = sql.SQL("alter database {}").format(database)
    if setting["role"]:
        where = sql.SQL("alter role {} in database {}").format(
            sql.Identifier(setting["role"]), database
        )
    variable = sql.Identifier(*name.split("."))
    if name in TAKEN_AS_THEY_ARE:
        connection.execute(sql.SQL("{} set {} to {}").format(where, variable, sql.Literal(value)))
        return
    connection.execute("select set_config(%s, %s, true)", (name, value))
    connection.execute(sql.SQL("{} set {} from current").format(where, variable))
