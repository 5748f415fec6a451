"""Rows of the old database, put into the tables of the new one."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from graphlib import CycleError, TopologicalSorter

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.masking.session import reason
from fairlead.database.masking.statements import STATES, TRIGGERS
from fairlead.database.refresh.picks import Picks, copy
from fairlead.database.refresh.relations import Name, same, words
from fairlead.database.refresh.shape import Shape, listed, shape
from fairlead.errors import CarryFailed

ROWS = sql.Identifier("pg_temp", "fairlead rows")
OWN = """
select format('%%I.%%I', n.nspname, s.relname) as name, a.attname::text as column
from pg_depend d join pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_namespace n on n.oid = s.relnamespace
  join pg_sequence q on q.seqrelid = s.oid and q.seqincrement > 0
  join pg_attribute a on a.attrelid = d.refobjid and a.attnum = d.refobjsubid
where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
  and d.deptype in ('a', 'i') and d.refobjid = %s::regclass
"""
AHEAD = """
select setval({sequence}::regclass, highest)
from (select max({column}) as highest from {table}) held, {name} as at
where highest > at.last_value or (highest = at.last_value and not at.is_called)
"""
NEXT = {
    "unique": "Give the column a rule in [masking.rules] by which production's values are others, "
    "or carry fewer rows.",
    "other": "Mend the row in the old database, or carry fewer rows.",
}


class Arriving:
    """Of what was picked, in one transaction of the new database."""

    def __init__(
        self,
        environment: str,
        old: Connection[DictRow],
        new: Connection[DictRow],
        picks: Picks,
    ) -> None:
        self._environment, self._old, self._new, self._picks = environment, old, new, picks

    def bring(self) -> dict[str, int]:
        """How many rows of each table. Raises CarryFailed."""
        tables = [table for table in self._ordered() if table in self._picks.tables]
        brought = {}
        with self._new.transaction():
            self._new.execute("set constraints all deferred")
            triggers = [trigger for table in tables for trigger in self._without_triggers(table)]
            for table in tables:
                with self._told(table):
                    brought[words(table)] = self._bring(table)
            with self._told(None):
                self._new.execute("set constraints all immediate")
            for table, state, trigger in triggers:
                self._trigger(table, state, trigger)
            for table in tables:
                self._go_ahead(table)
        return {table: count for table, count in brought.items() if count}

    def _ordered(self) -> Sequence[Name]:
        """What is referred to comes first; deferrable foreign keys take any order."""
        tables = self._picks.tables
        order: TopologicalSorter[Name] = TopologicalSorter(dict.fromkeys(tables, ()))
        for key in self._picks.keys:
            if key.table in tables and key.other != key.table and not key.deferrable:
                order.add(key.table, key.other)
        try:
            return list(order.static_order())
        except CycleError as error:
            circle = " → ".join(words(table) for table in error.args[1])
            raise CarryFailed(
                self._environment,
                words(error.args[1][0]),
                f"foreign keys go in a circle: {circle}",
                "Make one of them DEFERRABLE, or carry fewer rows.",
            ) from None

    def _bring(self, table: Name) -> int:
        own, found = self._picks.shapes[table], shape(self._new, table)
        if gone := set(own.columns).difference(found.columns):
            raise self._failed(
                words(table),
                f"the new database has no column {', '.join(sorted(gone))} there",
                "Both have to be at the same migrations.",
            )
        columns = listed(own.columns)
        self._new.execute(sql.SQL("drop table if exists {}").format(ROWS))
        self._new.execute(
            sql.SQL("create temporary table {} on commit drop as select {} from {} limit 0").format(
                ROWS, columns, sql.Identifier(*table)
            )
        )
        picked = sql.SQL("select {} from {}").format(columns, self._picks.tables[table])
        count = copy(self._old, picked, self._new, ROWS, own.columns)
        for statement in merged(table, own):
            self._new.execute(statement)
        return count

    def _without_triggers(self, table: Name) -> Iterator[tuple[Name, str, str]]:
        """They would do with these rows what they do with the application's."""
        name = sql.Identifier(*table).as_string(self._new)
        for row in self._new.execute(TRIGGERS, (name,)).fetchall():
            self._trigger(table, "disable trigger", row["name"])
            yield table, STATES[row["state"]], row["name"]

    def _trigger(self, table: Name, state: str, trigger: str) -> None:
        self._new.execute(
            sql.SQL("alter table {} {} {}").format(
                sql.Identifier(*table), sql.SQL(state), sql.Identifier(trigger)
            )
        )

    def _go_ahead(self, table: Name) -> None:
        name = sql.Identifier(*table)
        for row in self._new.execute(OWN, (name.as_string(self._new),)).fetchall():
            self._new.execute(
                sql.SQL(AHEAD).format(
                    sequence=sql.Literal(row["name"]),
                    column=sql.Identifier(row["column"]),
                    table=name,
                    name=sql.SQL(row["name"]),  # as format wrote it
                )
            )

    @contextmanager
    def _told(self, table: Name | None) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            at = (error.diag.schema_name, error.diag.table_name)
            where = words(table or (str(at[0]), str(at[1])))
            unique = isinstance(error, psycopg.errors.UniqueViolation)
            why = reason(error)
            raise self._failed(where, why, NEXT["unique" if unique else "other"]) from None

    def _failed(self, what: str, why: str, next_step: str) -> CarryFailed:
        return CarryFailed(self._environment, what, why, next_step)


def merged(table: Name, own: Shape) -> Iterator[sql.Composed]:
    """What ROWS has, in the place of rows with the same key, and beside the others. Pure."""
    name = sql.Identifier(*table)
    changed = [one for one in own.columns if one not in own.key and one not in own.fixed]
    there = same("r", own.key, "t", own.key) if own.key else sql.SQL("false")
    if own.key and changed:
        yield sql.SQL("update {} as t set {} from {} as r where {}").format(
            name,
            sql.SQL(", ").join(
                sql.SQL("{} = {}").format(sql.Identifier(one), sql.Identifier("r", one))
                for one in changed
            ),
            ROWS,
            there,
        )
    yield sql.SQL(
        "insert into {} ({}) overriding system value select {} from {} as r "
        "where not exists (select from {} as t where {})"
    ).format(name, listed(own.columns), listed(own.columns, "r"), ROWS, name, there)
