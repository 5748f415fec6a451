"""Every column that holds something, read from PostgreSQL's catalog; none is left out by its type.

Partitions hold nothing of their own, nor do views; materialized views are filled again afterwards.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.database.masking.kinds import Kind, kinds_of
from fairlead.database.masking.queries import (
    COLUMNS,
    CONSTRAINTS,
    HOLD,
    KEYS,
    LARGE_OBJECTS,
    TABLES,
)

Place = tuple[str, str, str]  # schema, table, column


@dataclass(frozen=True, slots=True)
class Column:
    """`type` is as SQL writes it; `limit` how many characters it takes. `held` are those whose
    type cannot be changed; `refers` the columns that its foreign keys lead to."""

    schema: str
    table: str
    name: str
    type: str
    kind: Kind
    limit: int | None = None
    not_null: bool = False
    generated: bool = False
    collation: str | None = None
    held: bool = False
    primary: bool = False
    unique: bool = False
    refers: tuple[Place, ...] = ()

    @property
    def place(self) -> Place:
        return self.schema, self.table, self.name

    @property
    def short(self) -> str:
        return f"{written(self.table)}.{written(self.name)}"

    @property
    def long(self) -> str:
        return f"{written(self.schema)}.{self.short}"


@dataclass(frozen=True, slots=True)
class Table:
    """`rows` as the planner has them, 0 where it knows nothing; `checks` by name. `related` has
    partitions, or has or is a child."""

    schema: str
    name: str
    kind: str
    rows: int
    related: bool
    columns: tuple[Column, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Catalog:
    """`large_objects` is how many there are."""

    database: str
    tables: tuple[Table, ...]
    large_objects: int

    @property
    def columns(self) -> dict[Place, Column]:
        return {column.place: column for table in self.tables for column in table.columns}


def written(name: str) -> str:
    """A name as rules have it: as SQL quotes it where it could be read otherwise."""
    plain = not set(name) & set('."*')
    return name if plain else '"' + name.replace('"', '""') + '"'


def read_catalog(connection: Connection[DictRow]) -> Catalog:
    """The session's search_path has to be pg_catalog, so that types are written whole."""
    named = connection.execute("select current_database() as name").fetchone()
    objects = connection.execute(LARGE_OBJECTS).fetchone()
    assert named is not None
    assert objects is not None
    tables = connection.execute(TABLES).fetchall()
    ids = [row["oid"] for row in tables]

    def rows(statement: str) -> dict[int, list[DictRow]]:
        return _by_table(connection.execute(statement.encode(), (ids,)).fetchall())

    columns = rows(COLUMNS)
    kinds = kinds_of(connection, {row["type_id"] for of in columns.values() for row in of})
    places = {
        (row["oid"], column["number"]): (row["schema"], row["name"], column["name"])
        for row in tables
        for column in columns[row["oid"]]
    }
    keys, constraints, held = rows(KEYS), rows(CONSTRAINTS), rows(HOLD)
    made = []
    for row in tables:
        own = row["oid"]
        facts = _facts(keys[own], constraints[own], held[own], places)
        made.append(
            Table(
                row["schema"],
                row["name"],
                row["kind"],
                row["rows"],
                row["related"] or row["kind"] == "p",
                tuple(_column(row, one, kinds, facts) for one in columns[own]),
                {one["name"]: one["expression"] for one in constraints[own] if one["kind"] == "c"},
            )
        )
    return Catalog(named["name"], tuple(made), objects["count"])


def _by_table(rows: Iterable[DictRow]) -> dict[int, list[DictRow]]:
    found: dict[int, list[DictRow]] = defaultdict(list)
    for row in rows:
        found[row["table"]].append(row)
    return found


@dataclass(frozen=True, slots=True)
class _Facts:
    primary: frozenset[int]
    unique: frozenset[int]
    held: frozenset[int]
    refers: Mapping[int, Sequence[Place]]


def _facts(
    keys: Sequence[DictRow],
    constraints: Sequence[DictRow],
    held: Sequence[DictRow],
    places: Mapping[tuple[int, int], Place],
) -> _Facts:
    refers: dict[int, list[Place]] = defaultdict(list)
    for one in constraints:
        if one["kind"] == "f":
            for number, other in zip(one["columns"], one["other_columns"], strict=True):
                if (one["other"], other) in places:  # a partition's is its parent's
                    refers[number].append(places[one["other"], other])
    return _Facts(
        frozenset(number for key in keys if key["primary"] for number in key["columns"]),
        frozenset(key["columns"][0] for key in keys if key["count"] == 1),
        frozenset(row["number"] for row in held),
        refers,
    )


def _column(table: DictRow, row: DictRow, kinds: Mapping[int, Kind], facts: _Facts) -> Column:
    kind, number = kinds[row["type_id"]], row["number"]
    return Column(
        schema=table["schema"],
        table=table["name"],
        name=row["name"],
        type=row["type"],
        kind=kind,
        limit=kind.limit_of(row["modifier"]),
        not_null=row["not_null"] or kind.not_null,
        generated=row["generated"],
        collation=row["collation"],
        held=number in facts.held,
        primary=number in facts.primary,
        unique=number in facts.unique,
        refers=tuple(facts.refers.get(number, ())),
    )


# What values are written as, so that the same is written the same.
WRITTEN = {
    "timezone": "UTC",
    "datestyle": "ISO,MDY",
    "intervalstyle": "iso_8601",
    "bytea_output": "hex",
}


def settle(connection: Connection[Any], **more: str) -> None:
    """What our sessions read and write values by."""
    settings = {
        "search_path": "pg_catalog",
        **WRITTEN,
        "row_security": "off",
        "statement_timeout": "0",
        **more,
    }
    for name, value in settings.items():
        connection.execute("select set_config(%s, %s, false)", (name, value))
