"""Which migrations each schema has, read from all django_migrations tables by few queries."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, FrozenSet, Iterable, List, NamedTuple, Optional, Tuple

from .connections import Connections, shares

Key = Tuple[str, str]  # app label, name
# One statement locks each table it reads and its indexes: 200 tables stay far below the 6,400 locks
# that a server has with its defaults.
BATCH = 200
# What is applied in one schema, as one value that tells whether two schemas have the same.
ROW = 'app || chr(10) || name collate "C"'
DIGEST = f"md5(string_agg(distinct {ROW}, chr(11) order by {ROW}))"


class Applied(NamedTuple):
    """What one schema has: `digest` is that of DIGEST; without a table both are empty."""

    digest: Optional[str]
    has_table: bool
    migrations: FrozenSet[Key]


NOTHING = Applied(None, False, frozenset())


def digest(migrations: Iterable[Key]) -> Optional[str]:
    """What DIGEST is for a schema that has these."""
    rows = sorted({f"{app}\n{name}" for app, name in migrations})
    return hashlib.md5("\x0b".join(rows).encode()).hexdigest() if rows else None  # noqa: S324


def read(
    connection: Any, schemas: Iterable[str], free: Optional[Connections] = None
) -> Dict[str, Applied]:
    """By schema; one that does not exist is left out. With `free` they are read side by side."""
    wanted = list(schemas)
    with connection.cursor() as cursor:
        has_table = dict(_existing(cursor, wanted))
        digests = dict(_digests(connection, [one for one in wanted if has_table.get(one)], free))
        sets: Dict[Optional[str], FrozenSet[Key]] = {None: frozenset()}
        for schema, found in digests.items():
            if found not in sets:
                sets[found] = _rows(cursor, schema)
    return {
        schema: Applied(digests.get(schema), has_table[schema], sets[digests.get(schema)])
        for schema in wanted
        if schema in has_table
    }


def table(schema: str) -> str:
    return '"{}".django_migrations'.format(schema.replace('"', '""'))


def _existing(cursor: Any, schemas: list[str]) -> list[tuple[str, bool]]:
    cursor.execute(
        "select n.nspname, c.oid is not null from pg_namespace n left join pg_class c"
        " on c.relnamespace = n.oid and c.relname = 'django_migrations'"
        " where n.nspname = any(%s)",
        [schemas],
    )
    return list(cursor.fetchall())


def _digests(
    connection: Any, schemas: List[str], free: Optional[Connections]
) -> List[Tuple[str, Optional[str]]]:
    def ask(connection: Any, batch: List[str]) -> List[Tuple[str, Optional[str]]]:
        with connection.cursor() as cursor:
            cursor.execute(" union all ".join(map(_digest_of, range(len(batch)), batch)))
            return [(batch[at], found) for at, found in cursor.fetchall()]

    if free is None:
        parts = [ask(connection, batch) for batch in shares(schemas, BATCH)]
    else:
        parts = free.each(ask, schemas, BATCH)
    return [row for part in parts for row in part]


def _digest_of(at: int, schema: str) -> str:
    return f"select {at}, {DIGEST} from {table(schema)}"


def _rows(cursor: Any, schema: str) -> FrozenSet[Key]:
    cursor.execute(f"select app, name from {table(schema)}")
    return frozenset((app, name) for app, name in cursor.fetchall())
