"""Whether the code that runs now can live with a changed schema, and what a statement worked on;
pure, from the catalog before and after.

A shape is what inside/shape.py reads: tables by OID, their columns by number.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from fairlead.database.preview.model import Table, Trouble, Verdict, Work, WorkKind

Described = Mapping[str, Any]
Shape = Mapping[str, Described]
Key = tuple[str, ...]

WIDER = {
    "smallint": ("integer", "bigint"),
    "integer": ("bigint",),
    "real": ("double precision",),
    "character varying": ("text",),
    "text": ("character varying",),
}
SIZED = re.compile(r"(character varying|numeric)\((\d+)(?:,(\d+))?\)")
KINDS = {"u": "unique", "p": "unique", "x": "exclusion", "c": "check", "f": "foreign key"}


def troubles(base: Shape, now: Shape) -> dict[Key, Trouble]:
    """What of `now` the code that knows `base` may not live with, each under a key of its own."""
    found: dict[Key, Trouble] = {}
    for oid, old in base.items():
        for key, trouble in _of_table(old, now.get(oid)):
            found[oid, *key] = trouble
    return found


def works(before: Shape, now: Shape, tag: str, validated: Collection[str]) -> Iterator[Work]:
    """What a statement did to tables that were there before, by the names of then: a new file is a
    rewrite. `validated` are names of foreign keys."""
    for oid, old in before.items():
        new = now.get(oid)
        if new is None:
            continue
        table = table_of(old)
        if old["file"] and old["file"] != new["file"] and not tag.startswith("TRUNCATE"):
            yield Work(WorkKind.REWRITES, table)
        elif _built(old, new):
            yield Work(WorkKind.INDEXES, table)
        if any(one["type"] == "f" and one["name"] in validated and _fresh(old, at, one)
               for at, one in new["constraints"].items()):  # fmt: skip
            yield Work(WorkKind.VALIDATES, table)


def widens(old: str, new: str) -> bool:
    """True where every value of the type `old` is one of `new`, and is read as before."""
    if old == new:
        return True
    before, after = SIZED.fullmatch(old), SIZED.fullmatch(new)
    if before and after:
        same = before[1] == after[1] and (before[3] or "") == (after[3] or "")
        return same and int(after[2]) >= int(before[2])
    return new in (*WIDER.get(before[1] if before else old, ()), before[1] if before else old)


def table_of(described: Described) -> Table:
    return Table(described["schema"], described["name"])


def _of_table(old: Described, new: Described | None) -> Iterator[tuple[Key, Trouble]]:
    name = table_of(old)
    if new is None:
        yield ("gone",), _breaks(f"{name} is dropped")
        return
    if table_of(new) != name:
        yield ("renamed",), _breaks(f"{name} is called {table_of(new)} now")
    for number, column in old["columns"].items():
        for kind, trouble in _of_column(name, column, new["columns"].get(number)):
            yield (kind, number), trouble
    for number, column in new["columns"].items():
        if number not in old["columns"] and column["not_null"] and not column["filled"]:
            words = f"{name}.{column['name']} is new, NOT NULL, and has no default in the database"
            yield ("new", number), _breaks(f"{words}: INSERTs that do not know it fail")
    yield from _new_rules(name, old, new)
    yield from _lost_rules(name, old, new)


def _of_column(
    table: Table, old: Described, new: Described | None
) -> Iterator[tuple[str, Trouble]]:
    name = f"{table}.{old['name']}"
    if new is None:
        yield "gone", _breaks(f"{name} is dropped")
        return
    if new["name"] != old["name"]:
        yield "renamed", _breaks(f"{name} is called {new['name']} now")
    if not widens(old["type"], new["type"]):
        yield "type", _breaks(f"{name} was {old['type']} and is {new['type']}")
    if new["not_null"] and not old["not_null"]:
        yield "not null", _breaks(f"{name} is NOT NULL now, and was not")
    if old["filled"] and not new["filled"] and new["not_null"]:
        yield "default", _breaks(f"{name} has no default in the database any more")
    if new["always"] and not old["always"]:
        yield "always", _breaks(f"{name} is GENERATED ALWAYS now: INSERTs that give it fail")


def _new_rules(table: Table, old: Described, new: Described) -> Iterator[tuple[Key, Trouble]]:
    """Those that hold for columns the code writes; of new columns alone, only where all rows would
    get the same value. An expression, which has the number 0, may be of known ones."""
    for at, one in new["constraints"].items():
        if at not in old["constraints"] and _concerns(old, new, one["columns"], one["type"]):
            words = f"the new {KINDS[one['type']]} constraint {one['name']} of {table}"
            yield ("constraint", at), _may_break(words)
    of_constraints = {one["name"] for one in new["constraints"].values()}
    for at, one in new["indexes"].items():
        if at in old["indexes"] or not one["unique"] or one["name"] in of_constraints:
            continue
        if _concerns(old, new, one["columns"], "u"):
            yield ("index", at), _may_break(f"the new unique index {one['name']} of {table}")


def _lost_rules(table: Table, old: Described, new: Described) -> Iterator[tuple[Key, Trouble]]:
    """A column that is gone is told of already. ON CONFLICT asks for columns, in whatever order.
    https://www.postgresql.org/docs/current/sql-insert.html#SQL-ON-CONFLICT"""
    left = [sorted(one["columns"]) for one in new["indexes"].values() if one["unique"]]
    for at, one in old["indexes"].items():
        gone = any(number and str(number) not in new["columns"] for number in one["columns"])
        if one["unique"] and not gone and sorted(one["columns"]) not in left:
            words = f"{table} has no unique index like {one['name']} any more: INSERTs fail whose"
            yield ("lost", at), Trouble(Verdict.MAY_BREAK, f"{words} ON CONFLICT names its columns")


def _concerns(old: Described, new: Described, columns: list[int], kind: str) -> bool:
    known = [str(number) in old["columns"] for number in columns]
    if any(known) or not columns or 0 in columns:
        return True
    filled = all(new["columns"].get(str(number), {}).get("filled") for number in columns)
    return kind in ("u", "p", "x") and filled


def _built(old: Described, new: Described) -> bool:
    files = {at: index["file"] for at, index in old["indexes"].items()}
    return any(files.get(at) != index["file"] for at, index in new["indexes"].items())


def _fresh(old: Described, at: str, new: Described) -> bool:
    before = old["constraints"].get(at)
    return new["valid"] and not (before and before["valid"])


def _breaks(words: str) -> Trouble:
    return Trouble(Verdict.BREAKS, words)


def _may_break(what: str) -> Trouble:
    return Trouble(Verdict.MAY_BREAK, f"{what} may refuse what the code writes")
