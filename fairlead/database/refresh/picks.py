"""Rows of the old database that are to be carried over, with all that they refer to.

They are gathered in temporary tables of the old one. What a row refers to has to be in the new one,
or be carried too; keys go from one to the other by COPY, and through no file.
"""

from collections import deque
from collections.abc import Sequence

from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.refresh.keys import Keys, named
from fairlead.database.refresh.relations import (
    ForeignKey,
    Name,
    filled,
    foreign_keys,
    relations,
    same,
    words,
)
from fairlead.database.refresh.shape import Shape, listed, shape
from fairlead.errors import CarryFailed


class Picks:
    """Of a session in each of the two; in that of the old one a transaction is open. Schemas in
    `whole` come with all that is in them, by another way."""

    def __init__(
        self,
        environment: str,
        old: Connection[DictRow],
        new: Connection[DictRow],
        whole: Sequence[str] = (),
    ) -> None:
        self._environment, self._old, self._new, self._whole = environment, old, new, whole
        self._keys = foreign_keys(old)
        self._leaving, self._arriving = Keys(old), Keys(new)
        self._there = {relation.name for relation in relations(new)}
        self._made: dict[Name, sql.Identifier] = {}
        self.shapes: dict[Name, Shape] = {}

    @property
    def tables(self) -> dict[Name, sql.Identifier]:
        """By table, the temporary one of the old database that has the rows."""
        return dict(self._made)

    @property
    def keys(self) -> Sequence[ForeignKey]:
        return self._keys

    def add(self, table: Name, condition: sql.Composable) -> None:
        """The rows of `table`, called `a` in `condition`, for which it holds."""
        self._take(table, condition)

    def close(self) -> None:
        """All that they refer to, and that the new database does not have. Raises CarryFailed."""
        waiting = deque(self._made)
        waiting.extend({key.table for key in self._keys if key.table[0] in self._whole})
        while waiting:
            table = waiting.popleft()
            for key in self._keys:
                within = key.other[0] in self._whole
                if key.table == table and not within and self._follow(key):
                    waiting.append(key.other)

    def taken(self, table: Name) -> int:
        """How many of its rows have a key that a row of the new database has."""
        key = self.shapes[table].key
        if not key:
            return 0
        rows = sql.SQL("select {} from {}").format(listed(key), self._made[table])
        sent = self._send(rows, table, key)
        found = self._new.execute(
            sql.SQL("select count(*) from {} as k join {} as o on {}").format(
                sent, sql.Identifier(*table), same("k", named(key), "o", key)
            )
        ).fetchone()
        assert found is not None
        return int(found["count"])

    def _take(self, table: Name, condition: sql.Composable) -> int:
        """Each row once, where rows have a key."""
        self._check_there(table)
        own = self._made.get(table) or self._make(table)
        found = self.shapes[table]
        statement = sql.SQL("insert into {} select {} from {} as a where not {} and ({}\n)")
        return self._old.execute(
            statement.format(
                own,
                listed(found.columns),
                sql.Identifier(*table),
                self._is_picked(table, found.key, found.key),
                condition,
            )
        ).rowcount

    def _check_there(self, table: Name) -> None:
        if table not in self._there:
            raise CarryFailed(
                self._environment,
                words(table),
                "the new database has no such table",
                "Carry nothing that refers to it, or take it from production too.",
            )

    def _make(self, table: Name) -> sql.Identifier:
        self.shapes[table] = found = shape(self._old, table)
        made = self._made[table] = sql.Identifier("pg_temp", f"fairlead {len(self._made)}")
        self._old.execute(
            sql.SQL("create temporary table {} on commit drop as select {} from {} limit 0").format(
                made, listed(found.columns), sql.Identifier(*table)
            )
        )
        return made

    def _is_picked(
        self, table: Name, columns: tuple[str, ...], own: tuple[str, ...]
    ) -> sql.Composable:
        """Whether the row "a" is, or by its `columns` refers to, one that is picked already."""
        made = self._made.get(table)
        if made is None or not own:
            return sql.SQL("false")
        return sql.SQL("exists (select from {} as b where {})").format(
            made, same("a", columns, "b", own)
        )

    def _follow(self, key: ForeignKey) -> int:
        """How many rows come because of it."""
        asked = sql.SQL("select distinct {} from {} as a where {} and not {}").format(
            listed(key.columns),
            self._made.get(key.table) or sql.Identifier(*key.table),
            filled("a", key.columns),
            self._is_picked(key.other, key.columns, key.other_columns),
        )
        if key.other not in self._there:
            if self._old.execute(asked + sql.SQL(" limit 1")).fetchone():
                self._check_there(key.other)
            return 0
        missing, keys = self._missing(key, asked)
        if not missing:
            return 0
        columns = key.other_columns
        condition = sql.SQL("({}) in (select {} from {})").format(
            listed(columns, "a"), listed(named(columns)), keys
        )
        found = self._take(key.other, condition)
        if found < missing:
            raise CarryFailed(
                self._environment,
                words(key.table),
                f"rows refer by {key.name} to rows of {words(key.other)} that are nowhere",
                "Mend them in the old database, or carry fewer rows.",
            )
        return found

    def _missing(self, key: ForeignKey, asked: sql.Composable) -> tuple[int, sql.Identifier]:
        """How many of the keys `asked` the new database does not have, and where the old one has
        these then."""
        columns = key.other_columns
        own = named(columns)
        sent = self._send(asked, key.other, columns)
        lacking = sql.SQL(
            "select {} from {} as k where not exists (select from {} as o where {})"
        ).format(listed(own, "k"), sent, sql.Identifier(*key.other), same("k", own, "o", columns))
        back = self._leaving.emptied(key.other, columns)
        return copy(self._new, lacking, self._old, back, own), back

    def _send(self, asked: sql.Composable, table: Name, columns: tuple[str, ...]) -> sql.Identifier:
        """Keys of the old database; where the new one has them then."""
        sent = self._arriving.emptied(table, columns)
        copy(self._old, asked, self._new, sent, named(columns))
        return sent


def copy(
    source: Connection[DictRow],
    rows: sql.Composable,
    target: Connection[DictRow],
    table: sql.Composable,
    columns: tuple[str, ...],
) -> int:
    """Rows of a query of one database into a table of another. How many they were."""
    out = sql.SQL("copy ({}) to stdout").format(rows)
    into = sql.SQL("copy {} ({}) from stdin").format(table, listed(columns))
    cursor = target.cursor()
    with source.cursor().copy(out) as leaving, cursor.copy(into) as arriving:
        for part in leaving:
            arriving.write(part)
    return cursor.rowcount
