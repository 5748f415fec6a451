"""Autovacuum keeps off the tables of the new database until these are whole.

It would look at what is looked at anyway, on the same processors, and have those wait who build
keys: an ALTER TABLE ends it only after `deadlock_timeout`.
https://www.postgresql.org/docs/current/runtime-config-autovacuum.html
"""

from collections.abc import Collection, Sequence

from psycopg import Connection, sql
from psycopg.rows import DictRow

AT_ONCE = 100  # tables in a transaction: each takes a lock
# Without those for which the project has decided itself, and those of extensions that are not ours.
FREE = """
select c.oid from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
  and pg_has_role(c.relowner, 'USAGE')
  and not exists (select from unnest(c.reloptions) o where o ~ '^autovacuum_enabled=')
"""
NAMES = """
select n.nspname::text as schema, c.relname::text as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = any(%s)
"""


def keep_off(connection: Connection[DictRow]) -> Collection[int]:
    """The tables from which it is kept off now, by OID."""
    tables = [row["oid"] for row in connection.execute(FREE).fetchall()]
    _alter(connection, tables, "set (autovacuum_enabled = off)")
    return tables


def let_in(connection: Connection[DictRow], tables: Collection[int]) -> None:
    """Again, on those of them that are still there."""
    _alter(connection, list(tables), "reset (autovacuum_enabled)")


def _alter(connection: Connection[DictRow], tables: Sequence[int], what: str) -> None:
    connection.execute("set synchronous_commit = off")  # the swap's is on, and comes later
    found = connection.execute(NAMES, (tables,)).fetchall()
    statements = [
        sql.SQL("alter table {} {}").format(
            sql.Identifier(row["schema"], row["name"]), sql.SQL(what)
        )
        for row in found
    ]
    for at in range(0, len(statements), AT_ONCE):
        connection.execute(sql.SQL(";").join(statements[at : at + AT_ONCE]))
