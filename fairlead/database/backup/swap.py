"""Two databases change places: the new one gets the name, the old one is kept under another.

Both renames, the owner, the rights and the settings are one transaction. Nobody may be connected
to what is renamed, so the old one takes no connections meanwhile; what was connected is ended.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import DictRow

PATIENCE = 10  # seconds until sessions that were ended have to be gone
WHOSE = """
select pg_get_userbyid(datdba) as owner, datconnlimit as connections
from pg_database where datname = %s
"""
RIGHTS = """
select pg_get_userbyid(grantee) as grantee, grantee = 0 as everybody, privilege_type,
  is_grantable
from pg_database, aclexplode(coalesce(datacl, acldefault('d', datdba))) where datname = %s
"""
SETTINGS = """
select case when setrole <> 0 then pg_get_userbyid(setrole) end as role,
  unnest(setconfig) as setting
from pg_db_role_setting where setdatabase = (select oid from pg_database where datname = %s)
"""
END = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = %s and pid <> pg_backend_pid() and backend_type = 'client backend'
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


def swap(connection: Connection[DictRow], *, old: str, new: str, kept: str) -> None:
    """`new` is called as `old` was, which is called `kept`. `connection` is to neither of them.

    Raises psycopg.Error; then all is as it was.
    """
    whole = belongings(connection, old)
    allow_connections(connection, old, allow=False)
    try:
        end_sessions(connection, old)
        end_sessions(connection, new)
        with connection.transaction():
            _rename(connection, old, kept)
            _rename(connection, new, old)
            _carry_over(connection, old, whole)
    except BaseException:
        allow_connections(connection, old, allow=True)
        raise
    allow_connections(connection, kept, allow=True)


def allow_connections(connection: Connection[DictRow], database: str, *, allow: bool) -> None:
    connection.execute(
        sql.SQL("alter database {} allow_connections {}").format(
            sql.Identifier(database), sql.Literal(allow)
        )
    )


def end_sessions(connection: Connection[DictRow], database: str) -> None:
    """They are gone when this returns, or will not go."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        left = connection.execute(END, (database,)).fetchall()
        if not left:
            return
        time.sleep(0.02)


def _rename(connection: Connection[DictRow], database: str, name: str) -> None:
    connection.execute(
        sql.SQL("alter database {} rename to {}").format(
            sql.Identifier(database), sql.Identifier(name)
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
    connection.execute(sql.SQL("revoke all on database {} from public").format(here))
    for right in whole.rights:
        connection.execute(_granted(here, right))
    for setting in whole.settings:
        _set(connection, here, setting)


def _granted(database: sql.Identifier, right: Mapping[str, Any]) -> sql.Composed:
    who = sql.SQL("public") if right["everybody"] else sql.Identifier(right["grantee"])
    further = sql.SQL(" with grant option" if right["is_grantable"] else "")
    kind = sql.SQL(right["privilege_type"])  # one of the server's own words
    return sql.SQL("grant {} on database {} to {}{}").format(kind, database, who, further)


def _set(
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
