"""Masking a copy of production's database: after its data was restored, before its keys are made.

UNIQUE and FOREIGN KEY are then built on what was masked, which proves that it fits together.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow
from pydantic import SecretStr

from fairlead.config import Masking, MaskingRule
from fairlead.database.masking.catalog import Catalog, read_catalog
from fairlead.database.masking.complete import complete
from fairlead.database.masking.session import (
    drop_functions,
    make_functions,
    masking,
    reason,
    salts,
)
from fairlead.database.masking.statements import (
    STATES,
    TRIGGERS,
    Plan,
    TableName,
    altered,
    plans_of,
    refilled,
)
from fairlead.database.masking.trial import try_rules
from fairlead.errors import MaskingFailed

Say = Callable[[str], object]
OBJECTS_AT_ONCE = 1000
FILLED = """
select format('%I.%I', n.nspname, c.relname) as name from pg_class c join pg_namespace n
  on n.oid = c.relnamespace where c.relkind = 'm' and c.relispopulated order by c.oid
"""


@dataclass(frozen=True, slots=True)
class Masked:
    """How many `tables` and `columns` were changed, in how many `seconds`; `unknown` are rules of
    columns that are not there."""

    tables: int
    columns: int
    emptied: int
    seconds: float
    unknown: Sequence[str]


def mask(
    conninfo: str,
    rules: Masking,
    key: SecretStr,
    *,
    arrived: Collection[TableName] = (),
    say: Say = lambda _: None,
) -> Masked:
    """Changes every column as its rule says, over `rules.parallel` connections; those of tables
    that `arrived` masked are as they should be.

    Raises MaskingIncomplete, MaskingUnfit (nothing is changed then), MaskingFailed. The messages
    of PostgreSQL are in none of them, nor are they their causes.
    """
    began = time.monotonic()
    try:
        settings = salts(key, rules.rules.values())
        with masking(conninfo, settings) as connection:
            catalog = read_catalog(connection)
            matched = complete(connection, catalog, rules.rules)
            plans = plans_of(catalog, matched)
            left = [one for one in plans if one.place not in arrived]
            make_functions(connection)
            try:
                try_rules(connection, catalog, left)
                _all(conninfo, settings, rules.parallel, left, say)
            finally:
                drop_functions(connection)
            _forget(connection, catalog)
            _large_objects(connection, catalog, matched.large_objects)
            _fill_views(connection)
    except psycopg.Error as error:
        raise MaskingFailed("the database", reason(error)) from None
    return Masked(
        len(plans),
        sum(len(one.changes) + len(one.shuffled) for one in plans),
        sum(one.emptied for one in plans),
        time.monotonic() - began,
        matched.unknown,
    )


def _all(
    conninfo: str, settings: dict[str, str], parallel: int, plans: Sequence[Plan], say: Say
) -> None:
    """The largest first. What fails ends it, once those that have begun are done."""
    waiting = deque(sorted(plans, key=lambda one: -one.table.rows))

    def work() -> None:
        with masking(conninfo, settings) as connection:
            while waiting:
                try:
                    one = waiting.popleft()
                except IndexError:  # another took the last
                    return
                try:
                    mask_table(connection, one)
                except BaseException:
                    waiting.clear()
                    raise
                say(f"{one.words} is {'emptied' if one.emptied else 'masked'}")

    with ThreadPoolExecutor(max_workers=parallel) as pool:
        for done in as_completed([pool.submit(work) for _ in range(parallel)]):
            done.result()


def mask_table(connection: Connection[DictRow], one: Plan) -> None:
    """With a changed type the planner forgets the column; what is refilled it has to look at again.

    Raises MaskingFailed."""
    try:
        if one.emptied:
            _empty(connection, one)
        elif one.rewritten:
            connection.execute(altered(one))
        else:
            _refill_table(connection, one)
            connection.execute(sql.SQL("analyze {}").format(one.name))
    except psycopg.Error as error:
        raise MaskingFailed(one.words, reason(error)) from None


def _empty(connection: Connection[DictRow], one: Plan) -> None:
    """TRUNCATE leaves the statistics, which hold values: a changed type does not."""
    only = "only" if one.table.kind == "r" else ""
    connection.execute(sql.SQL("truncate table {} {}").format(sql.SQL(only), one.name))
    free = [
        column
        for column in one.table.columns
        if not (column.held or column.generated or one.table.related)
    ]
    same = {column: sql.Identifier(column.name) for column in free}
    if same:
        connection.execute(altered(Plan(one.table, changes=same)))


def _refill_table(connection: Connection[DictRow], one: Plan) -> None:
    """Triggers would do with the masked rows what they do with the application's."""
    with connection.transaction():
        name = one.name.as_string(connection)
        triggers = connection.execute(TRIGGERS, (name,)).fetchall()
        for trigger in triggers:
            _trigger(connection, one, "disable trigger", trigger["name"])
        for statement in refilled(one):
            connection.execute(statement)
        for trigger in triggers:
            _trigger(connection, one, STATES[trigger["state"]], trigger["name"])


def _trigger(connection: Connection[DictRow], one: Plan, what: str, trigger: str) -> None:
    connection.execute(
        sql.SQL("alter table {} {} {}").format(one.name, sql.SQL(what), sql.Identifier(trigger))
    )


def _forget(connection: Connection[DictRow], catalog: Catalog) -> None:
    """What the planner remembers of a parent is of its children too: once all are masked."""
    for table in catalog.tables:
        if table.related:
            name = sql.Identifier(table.schema, table.name)
            connection.execute(sql.SQL("analyze {}").format(name))


def _large_objects(
    connection: Connection[DictRow], catalog: Catalog, rule: MaskingRule | None
) -> None:
    if not catalog.large_objects or rule is None or rule.way != "empty":
        return
    batch = sql.SQL(
        "select count(lo_unlink(oid)) as count from "
        "(select oid from pg_largeobject_metadata limit {}) batch"
    ).format(sql.Literal(OBJECTS_AT_ONCE))
    while (row := connection.execute(batch).fetchone()) and row["count"]:
        pass
    connection.execute("vacuum full pg_largeobject")


def _fill_views(connection: Connection[DictRow]) -> None:
    """Those that were filled before their tables were masked, and what the planner remembers of
    them; a later one may be made of an earlier one."""
    for row in connection.execute(FILLED).fetchall():
        name = sql.SQL(row["name"])
        connection.execute(sql.SQL("refresh materialized view {}").format(name))
        connection.execute(sql.SQL("analyze {}").format(name))
