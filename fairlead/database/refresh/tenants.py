"""Which schemas are tenants', and the table that lists them, as far as the catalog tells."""

from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.refresh.relations import Name

SHARED = "public"
COLUMN = "schema_name"  # django-tenants' TenantMixin: unique, and the name of the tenant's schema
LISTS = """
select n.nspname::text as schema, c.relname::text as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attname = %s
where c.relkind = 'r' and n.nspname !~ '^pg_' and exists (
  select from pg_index i where i.indrelid = c.oid and i.indisunique and i.indnkeyatts = 1
    and i.indkey[0] = a.attnum and i.indpred is null)
order by n.nspname <> 'public', 1, 2
"""
MIGRATED = """
select n.nspname::text as name from pg_namespace n join pg_class c on c.relnamespace = n.oid
where c.relname = 'django_migrations' and c.relkind = 'r' order by 1
"""
SCHEMAS = "select nspname::text as name from pg_namespace where nspname = any(%s) order by 1"


@dataclass(frozen=True, slots=True)
class Tenants:
    """`table` lists them, where there is one; `shared` is the schema it is in. `schemas` are
    those of the tenants that have one."""

    table: Name | None
    shared: str
    schemas: tuple[str, ...]


def find_tenants(connection: Connection[DictRow]) -> Tenants:
    lists = connection.execute(LISTS, (COLUMN,)).fetchall()
    table = (lists[0]["schema"], lists[0]["name"]) if lists else None
    shared = table[0] if table else SHARED
    migrated = {row["name"] for row in connection.execute(MIGRATED).fetchall()}
    found = (migrated | _listed(connection, table)) - {shared}
    return Tenants(table, shared, tuple(sorted(found)))


def _listed(connection: Connection[DictRow], table: Name | None) -> set[str]:
    """Those of the table that have a schema."""
    if table is None:
        return set()
    statement = sql.SQL("select {}::text as name from {}").format(
        sql.Identifier(COLUMN), sql.Identifier(*table)
    )
    names = [row["name"] for row in connection.execute(statement).fetchall()]
    return {row["name"] for row in connection.execute(SCHEMAS, (names,)).fetchall()}
