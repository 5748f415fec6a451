"""The extensions of production that only a superuser can make, or whom the server takes for one.

Those that are trusted come with pg_restore, for whoever owns the tables; the others are made before
it, by us. Where the server does not let us, what nothing of the application needs stays behind.
https://www.postgresql.org/docs/current/extend-extensions.html
"""

from collections.abc import Iterable
from dataclasses import dataclass

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow

# `used` where anything that is no extension's is made of it: columns, indexes, functions, servers.
THERE = """
with member as (select classid, objid, refobjid from pg_depend
    where deptype = 'e' and refclassid = 'pg_extension'::regclass),
  within as (select classid, objid from member union
    select d.classid, d.objid from pg_depend d join member m
      on m.classid = d.refclassid and m.objid = d.refobjid where d.deptype = 'i')
select e.extname::text as name, n.nspname::text as schema,
  exists (select from member m join pg_depend d
    on d.refclassid = m.classid and d.refobjid = m.objid and d.deptype in ('n', 'a')
    where m.refobjid = e.oid and (d.classid, d.objid) not in (select * from within)) as used
from pg_extension e join pg_namespace n on n.oid = e.extnamespace
where e.extname <> 'plpgsql' order by e.oid
"""
OFFERED = """
select a.name::text as name, v.trusted from pg_available_extensions a
join pg_available_extension_versions v on v.name = a.name and v.version = a.default_version
"""


BUILT_IN = ("public", "pg_catalog")


@dataclass(frozen=True, slots=True)
class Extension:
    """`schema` is where it is in production; `offered` whether the environment's server has it."""

    name: str
    schema: str
    used: bool
    offered: bool

    @property
    def entries(self) -> tuple[str, ...]:
        """Of pg_restore's list, and so what it is not to make."""
        own = (f"SCHEMA - {self.schema} ",) if self.schema not in BUILT_IN else ()
        return (*own, *self.own_entries)

    @property
    def own_entries(self) -> tuple[str, ...]:
        """Without its schema."""
        return f"EXTENSION - {self.name} ", f"COMMENT - EXTENSION {self.name} "


class NotMade(Exception):
    """We may not make one that production's tables are made of."""


def extensions_of(there: Connection[DictRow], here: Connection[DictRow]) -> tuple[Extension, ...]:
    """Those of production, `there`, that pg_restore cannot make `here` for whoever owns tables."""
    trusted = {row["name"]: row["trusted"] for row in here.execute(OFFERED).fetchall()}
    return tuple(
        Extension(**row, offered=row["name"] in trusted)
        for row in there.execute(THERE).fetchall()
        if not trusted.get(row["name"])
    )


def make_extensions(
    connection: Connection[DictRow], extensions: Iterable[Extension], owner: str
) -> tuple[list[Extension], list[Extension]]:
    """In the new database, before anything is restored into it; their schemas are made for `owner`.
    Those that are there, and those that stay behind. Raises NotMade."""
    made, behind = list[Extension](), list[Extension]()
    for one in extensions:
        (made if _made(connection, one, owner) else behind).append(one)
    return made, behind


def _made(connection: Connection[DictRow], one: Extension, owner: str) -> bool:
    if not one.offered:
        return False
    try:
        with connection.transaction():
            _make(connection, one, owner)
    except psycopg.errors.InsufficientPrivilege as error:
        if one.used:
            raise NotMade(one.name) from error
        return False
    return True


def _make(connection: Connection[DictRow], one: Extension, owner: str) -> None:
    name, schema = sql.Identifier(one.name), sql.Identifier(one.schema)
    if one.schema not in BUILT_IN:
        whose = sql.Identifier(owner)
        connection.execute(
            sql.SQL("create schema if not exists {} authorization {}").format(schema, whose)
        )
    connection.execute(sql.SQL("create extension {} schema {}").format(name, schema))
