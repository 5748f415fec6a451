"""The tables of a database and what their foreign keys lead to, read from PostgreSQL's catalog."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.backup.holdings import OURS

Name = tuple[str, str]  # schema, table
PART = r'"((?:[^"]|"")+)"|([^".*]+)'
WRITTEN = re.compile(rf"(?:(?:{PART})\.)?(?:{PART})")

# `root` is the partitioned table that a partition is of; else the table itself.
TABLES = f"""
select n.nspname::text as schema, c.relname::text as name, c.relkind::text as kind,
  rn.nspname::text as root_schema, r.relname::text as root_name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
join pg_class r on r.oid = coalesce(pg_partition_root(c.oid), c.oid)
join pg_namespace rn on rn.oid = r.relnamespace
where c.relkind in ('r', 'p') and {OURS} order by 1, 2
"""  # noqa: S608 a constant
# Those of a partition are its parent's.
KEYS = f"""
select k.conname::text as name, k.condeferrable as deferrable,
  n.nspname::text as schema, c.relname::text as table,
  fn.nspname::text as other_schema, f.relname::text as other_table,
  (select array_agg(a.attname::text order by x.at) from unnest(k.conkey) with ordinality x(n, at)
     join pg_attribute a on a.attrelid = k.conrelid and a.attnum = x.n) as columns,
  (select array_agg(a.attname::text order by x.at) from unnest(k.confkey) with ordinality x(n, at)
     join pg_attribute a on a.attrelid = k.confrelid and a.attnum = x.n) as other_columns
from pg_constraint k
join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
join pg_class f on f.oid = k.confrelid join pg_namespace fn on fn.oid = f.relnamespace
where k.contype = 'f' and k.conparentid = 0 and {OURS} order by 2, 3, 1
"""  # noqa: S608 a constant


@dataclass(frozen=True, slots=True)
class Relation:
    """`root` is what it is a partition of; of others the table itself."""

    name: Name
    partitioned: bool
    root: Name


@dataclass(frozen=True, slots=True)
class ForeignKey:
    name: str
    table: Name
    columns: tuple[str, ...]
    other: Name
    other_columns: tuple[str, ...]
    deferrable: bool

    def __str__(self) -> str:
        return f"{words(self.table)} ({', '.join(self.columns)})"


def relations(connection: Connection[DictRow]) -> list[Relation]:
    return [
        Relation(
            (row["schema"], row["name"]),
            row["kind"] == "p",
            (row["root_schema"], row["root_name"]),
        )
        for row in connection.execute(TABLES).fetchall()
    ]


def foreign_keys(connection: Connection[DictRow]) -> list[ForeignKey]:
    return [
        ForeignKey(
            row["name"],
            (row["schema"], row["table"]),
            tuple(row["columns"]),
            (row["other_schema"], row["other_table"]),
            tuple(row["other_columns"]),
            row["deferrable"],
        )
        for row in connection.execute(KEYS).fetchall()
    ]


def called(table: Relation, name: str) -> bool:
    """`table` in every schema, or `schema.table`; a name with a dot, a star or a quotation mark is
    written as SQL quotes it. All partitions are of their table's name too."""
    matched = WRITTEN.fullmatch(name)
    if matched is None:
        return False
    quoted, plain, quoted_table, plain_table = matched.groups()
    schema = quoted.replace('""', '"') if quoted else plain
    wanted = quoted_table.replace('""', '"') if quoted_table else plain_table
    return any(one[1] == wanted and schema in (None, one[0]) for one in (table.name, table.root))


def words(name: Name) -> str:
    return ".".join(name)


def filled(alias: str, columns: Sequence[str]) -> sql.Composed:
    """Whether a foreign key leads anywhere: with a NULL in it, it does not (MATCH SIMPLE)."""
    return sql.SQL(" and ").join(
        sql.SQL("{} is not null").format(sql.Identifier(alias, column)) for column in columns
    )


def same(
    one: str, columns: Sequence[str], other: str, other_columns: Sequence[str]
) -> sql.Composed:
    return sql.SQL(" and ").join(
        sql.SQL("{} = {}").format(sql.Identifier(one, column), sql.Identifier(other, another))
        for column, another in zip(columns, other_columns, strict=True)
    )
