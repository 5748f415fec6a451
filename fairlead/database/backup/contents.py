"""The table of contents of a dump: whether all that is in the database is in it; pure.

`pg_restore --list` (https://www.postgresql.org/docs/current/app-pgrestore.html): a line an entry,
`2588; 0 16387 TABLE DATA public item owner`: its number, the catalog, the object's OID, the kind.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

# The catalog tells a table of the schema "DATA" from the rows of a table: pg_class is 1259.
ENTRY = re.compile(r"(\d+); (0|1259) (\d+) (TABLE DATA|TABLE|SEQUENCE) ")
DATABASE = re.compile(r";\s+dbname: (.*)")


@dataclass(slots=True)
class Contents:
    """By kind, the OIDs; `data` are the numbers of the files that hold rows."""

    database: str = ""
    tables: set[int] = field(default_factory=set)
    with_rows: set[int] = field(default_factory=set)
    sequences: set[int] = field(default_factory=set)
    data: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What has to be in it: name by OID. Rows are in ordinary tables, not in partitioned ones."""

    database: str
    tables: dict[int, str]
    with_rows: dict[int, str]
    sequences: dict[int, str]


def read(listing: str) -> Contents:
    found = Contents()
    for line in listing.splitlines():
        if named := DATABASE.match(line):
            found.database = named[1]
        if entry := ENTRY.match(line):
            _enter(found, int(entry[1]), entry[2], int(entry[3]), entry[4])
    return found


def _enter(found: Contents, number: int, catalog: str, oid: int, kind: str) -> None:
    if catalog == "1259":
        (found.sequences if kind == "SEQUENCE" else found.tables).add(oid)
    elif kind == "TABLE DATA":
        found.with_rows.add(oid)
        found.data.add(number)


def missing(found: Contents, wanted: Wanted, files: Collection[str]) -> Iterator[str]:
    """What is wrong, a line each."""
    if found.database != wanted.database:
        yield f'it is of the database "{found.database}", not of "{wanted.database}"'
        return
    parts = (
        ("the table", wanted.tables, found.tables),
        ("the rows of", wanted.with_rows, found.with_rows),
        ("the sequence", wanted.sequences, found.sequences),
    )
    for what, names, there in parts:
        yield from (f"{what} {name} is missing" for oid, name in names.items() if oid not in there)
    for number in sorted(found.data):
        if not {f"{number}.dat", f"{number}.dat.gz"}.intersection(files):
            yield f"the file {number}.dat.gz is missing"
