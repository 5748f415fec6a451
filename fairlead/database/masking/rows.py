"""Rows of production and of its copy, for the proof: they stay in memory and go nowhere."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import psycopg
from psycopg import Connection, RawCursor, sql
from psycopg.rows import DictRow, tuple_row

from fairlead.database.masking.catalog import Column, Table
from fairlead.database.masking.sample import as_text, drawn

PROVEN = 3000  # rows at most of all tables of one name, which tenants have
FEWEST = 100  # of each of them, where it has so many
INDEXED = ("integer", "uuid")  # families whose texts are read as the same value again
SKIPPED = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)
REMEMBERED = """
select distinct schemaname::text as schema, tablename::text as name from pg_stats
where schemaname not in ('pg_catalog', 'information_schema')
"""
STATISTICS = """
select attname as name, most_common_vals::text as common, histogram_bounds::text as bounds,
  most_common_elems::text as elements
from pg_stats where schemaname = %s and tablename = %s
"""


@dataclass(frozen=True, slots=True)
class Rows:
    """The values of some rows by column, in the same order, and how many rows these are."""

    values: Mapping[Column, list[str | None]]
    count: int

    def of(self, column: Column) -> list[str | None]:
        return self.values.get(column, [])


NO_ROWS = Rows({}, 0)


def proven_of(alike: int) -> int:
    """How many rows are looked at of each of so many tables of one name."""
    return max(FEWEST, PROVEN // max(alike, 1))


def drawn_rows(
    connection: Connection[DictRow], table: Table, columns: Sequence[Column], count: int = PROVEN
) -> Rows:
    """None of a table that is only in one of the two databases. Raises psycopg.Error."""
    statement = sql.SQL("select {} from {} limit {}").format(
        _texts(columns), drawn(table), sql.Literal(count)
    )
    return _fetched(connection, columns, statement)


def same_rows(
    connection: Connection[DictRow],
    table: Table,
    keys: Sequence[Column],
    columns: Sequence[Column],
    rows: Rows,
) -> Rows:
    """The rows with those keys, in the same order, NULL where there is none."""
    if not keys or not rows.count:
        return NO_ROWS
    wanted = sql.SQL(", ").join(sql.SQL(f"${at}::text[]") for at, _ in enumerate(keys, 1))
    names = [sql.Identifier(f"key {at}") for at, _ in enumerate(keys)]
    same = [_same(name, key) for name, key in zip(names, keys, strict=True)]
    statement = sql.SQL(
        "select {} from unnest({}) with ordinality old ({}, at) left join {} new on {} "
        "order by old.at"
    ).format(
        _texts(columns, "new"),
        wanted,
        sql.SQL(", ").join(names),
        sql.Identifier(table.schema, table.name),
        sql.SQL(" and ").join(same),
    )
    return _fetched(connection, columns, statement, [rows.of(key) for key in keys])


def _same(old: sql.Identifier, key: Column) -> sql.Composed:
    """A number or a UUID as such, which an index finds; others as the texts that we have."""
    if key.kind.family in INDEXED and not key.kind.array:
        return sql.SQL("old.{}::{} = {}").format(
            old, sql.SQL(key.type), sql.Identifier("new", key.name)
        )
    return sql.SQL("old.{} = {}").format(old, as_text(key, "new"))


def remembered(connection: Connection[DictRow]) -> frozenset[tuple[str, str]]:
    """The tables of which the planner remembers anything, by schema and name. As a rule that is
    none: they were filled a moment ago."""
    found = connection.execute(REMEMBERED).fetchall()
    return frozenset((row["schema"], row["name"]) for row in found)


def statistics(connection: Connection[DictRow], table: Table) -> dict[str, list[str]]:
    """The values that the planner remembers, by column."""
    found = connection.execute(STATISTICS, (table.schema, table.name)).fetchall()
    return {
        row["name"]: [
            part.strip('"')
            for key in ("common", "bounds", "elements")
            for part in (row[key] or "").strip("{}").split(",")
            if part
        ]
        for row in found
        if row["common"] or row["bounds"] or row["elements"]
    }


def _texts(columns: Sequence[Column], of: str | None = None) -> sql.Composed:
    values = [sql.SQL("left({}, 2000)").format(as_text(column, of)) for column in columns]
    return sql.SQL(", ").join(values)


def _fetched(
    connection: Connection[DictRow],
    columns: Sequence[Column],
    statement: sql.Composed,
    values: Sequence[object] | None = None,
) -> Rows:
    try:
        # Numbered parameters: a per cent sign may be in a name.
        with RawCursor(connection, row_factory=tuple_row) as cursor:
            rows = cursor.execute(statement, values).fetchall()
    except SKIPPED:
        rows = []
    return Rows({column: [row[at] for row in rows] for at, column in enumerate(columns)}, len(rows))
