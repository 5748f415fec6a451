"""Some values of columns, to see what they look like: they stay in memory and go nowhere."""

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow, tuple_row

from fairlead.database.masking.catalog import Column, Table

ROWS = 300
LENGTH = 400  # characters of each
MANY = 20_000  # rows from which on they are drawn from pages all over the table
DRAWN = 3000  # rows that are aimed at when pages are drawn


def sample(
    connection: Connection[DictRow], table: Table, columns: Sequence[Column]
) -> dict[Column, list[str]]:
    """Of each, as texts; nothing where we may not read, or the rows are on another server."""
    if not columns or table.kind == "f":
        return {column: [] for column in columns}
    try:
        with connection.transaction(), connection.cursor(row_factory=tuple_row) as cursor:
            rows = cursor.execute(_statement(table, columns)).fetchall()
    except psycopg.Error:
        rows = []
    return {
        column: [part for row in rows if row[at] is not None for part in parts(column, row[at])]
        for at, column in enumerate(columns)
    }


def drawn(table: Table) -> sql.Composable:
    """https://www.postgresql.org/docs/current/sql-select.html#SQL-FROM"""
    name = sql.Identifier(table.schema, table.name)
    if table.rows < MANY or table.kind == "f":
        return name
    share = sql.Literal(min(100.0, 100.0 * DRAWN / table.rows))
    return sql.SQL("{} tablesample system ({})").format(name, share)


def _statement(table: Table, columns: Sequence[Column]) -> sql.Composed:
    values = [
        sql.SQL("left({}, {})").format(as_text(column), sql.Literal(LENGTH)) for column in columns
    ]
    return sql.SQL("select {} from {} limit {}").format(
        sql.SQL(", ").join(values), drawn(table), sql.Literal(ROWS)
    )


def as_text(column: Column, of: str | None = None) -> sql.Composed:
    own = sql.Identifier(of, column.name) if of else sql.Identifier(column.name)
    if column.kind.family == "bytes" and not column.kind.array:
        return sql.SQL("encode(substring({} from 1 for 400), 'escape')").format(own)
    return sql.SQL("{}::text").format(own)


def parts(column: Column, text: str) -> Iterable[str]:
    """The texts in an array or a document."""
    if column.kind.family == "json":
        try:
            return list(_leaves(json.loads(text)))
        except (ValueError, RecursionError):  # cut off in the middle
            return [text]
    if column.kind.array:
        return [part.strip('"') for part in text.strip("{}").split(",")]
    return [text]


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield str(name)
            yield from _leaves(one)
    elif isinstance(value, list):
        for one in value:
            yield from _leaves(one)
    elif value is not None:
        yield str(value)
