"""What rows of a table are made of: the columns that can be written, and what tells rows apart."""

from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.refresh.relations import Name

# Generated columns make themselves; those GENERATED ALWAYS AS IDENTITY are written, not changed.
COLUMNS = """
select attname::text as name, attidentity = 'a' as fixed from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = ''
order by attnum
"""
# The primary key; else another one that no NULL is in.
KEY = """
select i.columns from (
  select indrelid, indexrelid, indisprimary, array(
      select a.attname::text
      from unnest((indkey::int2[])[0:indnkeyatts - 1]) with ordinality k(number, place)
        join pg_attribute a on a.attrelid = indrelid and a.attnum = k.number
      order by k.place) as columns
  from pg_index where indrelid = %s::regclass and indisunique and indpred is null
    and indexprs is null) i
where not exists (select from pg_attribute a
  where a.attrelid = i.indrelid and a.attname = any(i.columns) and not a.attnotnull)
order by not i.indisprimary, i.indexrelid limit 1
"""


@dataclass(frozen=True, slots=True)
class Shape:
    """`key` is empty where rows cannot be told apart."""

    columns: tuple[str, ...]
    fixed: frozenset[str]
    key: tuple[str, ...]


def shape(connection: Connection[DictRow], table: Name) -> Shape:
    name = (sql.Identifier(*table).as_string(connection),)
    columns = connection.execute(COLUMNS, name).fetchall()
    key = connection.execute(KEY, name).fetchone()
    return Shape(
        tuple(row["name"] for row in columns),
        frozenset(row["name"] for row in columns if row["fixed"]),
        tuple(key["columns"]) if key else (),
    )


def listed(columns: tuple[str, ...], alias: str = "") -> sql.Composed:
    """Names with commas between."""
    prefix = (alias,) if alias else ()
    return sql.SQL(", ").join(sql.Identifier(*prefix, column) for column in columns)
