"""What a type is at its bottom: domains and arrays of it followed."""

from collections.abc import Mapping
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import DictRow

TYPES = """
select oid, typname as name, typtype::text as sort, typbasetype as base, typtypmod as modifier,
  typnotnull as not_null, typcategory = 'A' as is_array, typelem as element
from pg_type where oid = any(%s::oid[])
"""
FAMILIES = {
    "text": ("text", "varchar", "bpchar", "citext", "name", "char"),
    "integer": ("int2", "int4", "int8"),
    "uuid": ("uuid",),
    "bytes": ("bytea",),
    "json": ("json", "jsonb"),
    "address": ("inet", "cidr"),
    "date": ("date", "timestamp", "timestamptz"),
    "boolean": ("bool",),
    "number": ("numeric", "float4", "float8", "money"),
    "time": ("time", "timetz", "interval"),
}
FAMILY_OF = {name: family for family, names in FAMILIES.items() for name in names}
HEADER = 4  # bytes that a varchar's modifier counts beside its characters


@dataclass(frozen=True, slots=True)
class Kind:
    """`family` is one of FAMILIES, or enum, range, other; `name` the type's own at the bottom.
    `modifier` is that of a domain, -1 where it has none."""

    family: str
    name: str
    array: bool = False
    not_null: bool = False
    modifier: int = -1

    def limit_of(self, modifier: int) -> int | None:
        """How many characters it takes."""
        if self.family != "text":
            return None
        if self.name in ("name", "char"):
            return {"name": 63, "char": 1}[self.name]
        given = modifier if modifier >= HEADER else self.modifier
        return given - HEADER if given >= HEADER else None


def kinds_of(connection: Connection[DictRow], ids: set[int]) -> dict[int, Kind]:
    known: dict[int, DictRow] = {}
    wanted = set(ids)
    while wanted:
        rows = connection.execute(TYPES, (list(wanted),)).fetchall()
        known |= {row["oid"]: row for row in rows}
        wanted = {row[key] for row in rows for key in ("base", "element")} - {0} - set(known)
    return {one: _kind(one, known) for one in ids}


def _kind(one: int, known: Mapping[int, DictRow]) -> Kind:
    array = not_null = False
    modifier = -1
    row = known[one]
    while True:
        not_null = not_null or (row["not_null"] and not array)
        if row["sort"] == "d":
            modifier = row["modifier"] if modifier < 0 else modifier
            row = known[row["base"]]
        elif row["is_array"] and row["element"]:
            array, row = True, known[row["element"]]
        else:
            break
    sorts = {"e": "enum", "r": "range", "m": "range"}
    family = sorts.get(row["sort"]) or FAMILY_OF.get(row["name"], "other")
    return Kind(family, row["name"], array, not_null, modifier)
