"""Which migrations each schema has, read from all django_migrations tables by few queries."""

from __future__ import annotations

import hashlib
from typing import Any, Dict, FrozenSet, Iterable, Iterator, NamedTuple, Optional, Tuple

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


def digest(migrations: Iterable[Key]) -> Optional[str]:
    """What DIGEST is for a schema that has these."""
    rows = sorted({f"{app}\n{name}" for app, name in migrations})
    return hashlib.md5("\x0b".join(rows).encode()).hexdigest() if rows else None  # noqa: S324


def read(connection: Any, schemas: Iterable[str]) -> Dict[str, Applied]:
    """By schema; one that does not exist is left out."""
    wanted = list(schemas)
    with connection.cursor() as cursor:
        has_table = dict(_existing(cursor, wanted))
        digests = {}
        for batch in batches([schema for schema in wanted if has_table.get(schema)]):
            cursor.execute(" union all ".join(map(_digest_of, range(len(batch)), batch)))
            digests.update({batch[at]: found for at, found in cursor.fetchall()})
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


def _digest_of(at: int, schema: str) -> str:
    return f"select {at}, {DIGEST} from {table(schema)}"


def _rows(cursor: Any, schema: str) -> FrozenSet[Key]:
    cursor.execute(f"select app, name from {table(schema)}")
    return frozenset((app, name) for app, name in cursor.fetchall())


def batches(names: list[str]) -> Iterator[list[str]]:
    """So many schemas as one statement may ask about."""
    for start in range(0, len(names), BATCH):
        yield names[start : start + BATCH]
