"""The statements that mask one table. Pure.

ALTER … TYPE … USING writes the table anew, once, and leaves no old row behind. What PostgreSQL
does not let it change (partition keys, columns that views or generated columns are made of), and
what moves values between rows, is masked in a temporary table, from which the truncated one is
filled again. Not UPDATE and VACUUM FULL: that keeps old rows while anybody has an older snapshot.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from psycopg import sql
from psycopg.sql import Composable, Composed

from fairlead.config import MaskingRule
from fairlead.database.masking.catalog import Catalog, Column, Table
from fairlead.database.masking.expressions import expression, function
from fairlead.database.masking.rules import Matched

TRIGGERS = """
select tgname as name, tgenabled::text as state from pg_trigger
where tgrelid = %s::regclass and not tgisinternal and tgenabled <> 'D'
"""
TableName = tuple[str, str]  # schema, table
STATES = {"O": "enable trigger", "R": "enable replica trigger", "A": "enable always trigger"}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is done to a table: `changes` are set in one pass, `shuffled` columns one by one. Where
    each row tells all that is needed, it can be done while they arrive: loading.py."""

    table: Table
    emptied: bool = False
    changes: Mapping[Column, Composable] = field(default_factory=dict)
    shuffled: tuple[Column, ...] = ()
    rewritten: bool = False
    arriving: bool = False

    @property
    def name(self) -> sql.Identifier:
        return sql.Identifier(self.table.schema, self.table.name)

    @property
    def place(self) -> TableName:
        return self.table.schema, self.table.name

    @property
    def words(self) -> str:
        return f"{self.table.schema}.{self.table.name}"


def plans_of(catalog: Catalog, matched: Matched) -> list[Plan]:
    """Of the tables that are changed."""
    return [made for table in catalog.tables if (made := plan(table, matched))]


def written_again(plans: Iterable[Plan]) -> list[TableName]:
    """Of these the rows are there twice for a time, once all have arrived."""
    return [one.place for one in plans if not one.arriving and not one.emptied]


def plan(table: Table, matched: Matched) -> Plan | None:
    """None where nothing of it is changed."""
    rules = {column: rule for column in table.columns if (rule := matched.of(column))}
    plain = table.kind == "r" and not table.related
    if any(rule.way == "empty" for rule in rules.values()):
        return Plan(table, emptied=True, arriving=plain)
    made = {column: expression(column, rule) for column, rule in rules.items()}
    changes = {column: value for column, value in made.items() if value is not None}
    shuffled = tuple(column for column, rule in rules.items() if rule.way == "shuffle")
    if not changes and not shuffled:
        return None
    own = any(rule.way == "sql" for rule in rules.values())
    return Plan(
        table,
        False,
        changes,
        shuffled,
        rewritten=_rewritten(table, rules, changes, shuffled),
        arriving=plain and not own and not shuffled,
    )


def _rewritten(
    table: Table,
    rules: Mapping[Column, MaskingRule],
    changes: Mapping[Column, Composable],
    shuffled: tuple[Column, ...],
) -> bool:
    asks = any(
        rule.way == "sql" and re.search(r"\bselect\b", str(rule.argument), re.IGNORECASE)
        for rule in rules.values()
    )
    held = any(column.held for column in changes)
    return not (asks or held or shuffled or table.related)


def altered(plan: Plan) -> Composed:
    actions = [
        sql.SQL("alter column {} type {}{} using {}").format(
            sql.Identifier(column.name),
            sql.SQL(column.type),  # as format_type wrote it
            sql.SQL(f" collate {column.collation}" if column.collation else ""),
            value,
        )
        for column, value in plan.changes.items()
    ]
    return sql.SQL("alter table {} {}").format(plan.name, sql.SQL(", ").join(actions))


def refilled(plan: Plan) -> Iterator[Composed]:
    """In one transaction; generated columns make themselves."""
    columns = [column for column in plan.table.columns if not column.generated]
    values = [
        sql.SQL("{} as {}").format(
            plan.changes.get(column, sql.Identifier(column.name)), sql.Identifier(column.name)
        )
        for column in columns
    ]
    names = sql.SQL(", ").join(sql.Identifier(column.name) for column in columns)
    yield sql.SQL("lock table {} in access exclusive mode").format(plan.name)
    yield sql.SQL("create temporary table {} on commit drop as select {} from {}").format(
        ASIDE, sql.SQL(", ").join(values), _rows(plan)
    )
    for column in plan.shuffled:
        yield sql.SQL(SHUFFLE).format(
            rows=ASIDE, column=sql.Identifier(column.name), digest=function("digest")
        )
    yield sql.SQL("truncate table {}").format(_rows(plan))
    yield sql.SQL("insert into {} ({}) overriding system value select {} from {}").format(
        plan.name, names, names, ASIDE
    )


ASIDE = sql.Identifier("pg_temp", "fairlead masked")
# By the hash of what they hold, values are in the same order each night.
SHUFFLE = """
update {rows} as masked set {column} = moved.value
from (select ctid as id, row_number() over (order by ctid) as at
    from {rows} where {column} is not null) old
  join (select {column} as value,
      row_number() over (order by {digest}({column}::text, 'shuffle'), ctid) as at
    from {rows} where {column} is not null) moved using (at)
where masked.ctid = old.id
"""


def _rows(plan: Plan) -> Composed:
    """Those of a child are the child's."""
    return sql.SQL("{}" if plan.table.kind == "p" else "only {}").format(plan.name)


TRIAL = """
select count(({name}.*)::text) as {counted}{checks}
from (select {columns} from {rows} limit {limit} offset 0) as {name}
"""


def trial(plan: Plan, rows: int) -> Composed:
    """The first rows as they would be, with a column for each CHECK: whether it holds."""
    columns = [
        sql.SQL("{} as {}").format(
            plan.changes.get(column, sql.Identifier(column.name)), sql.Identifier(column.name)
        )
        for column in plan.table.columns
    ]
    checks = [
        sql.SQL("coalesce(bool_and({}), true) as {}").format(
            sql.SQL(expression),  # as pg_get_expr wrote it
            sql.Identifier(name),
        )
        for name, expression in plan.table.checks.items()
    ]
    return sql.SQL(TRIAL).format(
        counted=sql.Identifier(COUNTED),
        checks=sql.SQL("").join(sql.SQL(", {}").format(check) for check in checks),
        columns=sql.SQL(", ").join(columns),
        rows=_rows(plan),
        limit=sql.Literal(rows),
        name=sql.Identifier(plan.table.name),
    )


COUNTED = "rows of the trial"
