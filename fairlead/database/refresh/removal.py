"""Rows of the shared tables that belong to tenants which are left out. Pure but for the last two.

A row goes when it is of such a tenant in the list of tenants, or leads by a foreign key to one that
goes. What refers is removed before what it refers to.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import DictRow
from psycopg.sql import Composable

from fairlead.database.refresh.relations import ForeignKey, Name, filled, same, words
from fairlead.database.refresh.tenants import COLUMN

Condition = Callable[[str], Composable]  # of a table's alias
AT_ONCE = 100  # foreign keys looked at by one statement
# Generated columns make themselves.
COLUMNS = """
select string_agg(quote_ident(attname), ', ' order by attnum) as names from pg_attribute
where attrelid = %s::regclass and attnum > 0 and not attisdropped and attgenerated = ''
"""
ASIDE = sql.Identifier("pg_temp", "fairlead stays")


@dataclass(frozen=True, slots=True)
class Removal:
    """Those rows of `table` go for which `condition` holds."""

    table: Name
    condition: Condition


def listed(names: Sequence[str], *, stay: bool) -> Condition:
    """Of the list of tenants: all but those with these names, or those."""
    test = sql.SQL("({column} = any({names}::text[])) is {wanted} true")
    wanted, literal = sql.SQL("not" if stay else ""), sql.Literal(list(names))
    return lambda alias: test.format(
        column=sql.Identifier(alias, COLUMN), names=literal, wanted=wanted
    )


def removals(
    first: Removal, keys: Sequence[ForeignKey], *, without: Collection[Name]
) -> tuple[Removal, ...]:
    """`first` is of the list of tenants; what refers to it in its schema follows, and what refers
    to that. Tables `without` rows have none to remove."""
    made = {first.table: first}
    waiting = [first.table]
    while waiting:
        found = (
            key.table
            for key in keys
            if key.other in waiting and key.table[0] == first.table[0] and key.table not in without
        )
        waiting = [table for table in dict.fromkeys(found) if table not in made]
        for table in waiting:
            into = [key for key in keys if key.table == table and key.other in made]
            parts = [leads_to(key, made[key.other].condition) for key in into]
            made[table] = Removal(table, _any(parts))
    return tuple(reversed(made.values()))


def leads_to(key: ForeignKey, condition: Condition) -> Condition:
    """Whether a row refers by `key` to one for which `condition` holds."""

    def made(alias: str) -> Composable:
        other = f"{alias}_"
        return sql.SQL("exists (select from {} as {} where {} and {})").format(
            sql.Identifier(*key.other),
            sql.Identifier(other),
            same(alias, key.columns, other, key.other_columns),
            condition(other),
        )

    return made


def _any(parts: Sequence[Condition]) -> Condition:
    return lambda alias: sql.SQL("({})").format(sql.SQL(" or ").join(part(alias) for part in parts))


def broken(
    connection: Connection[DictRow],
    keys: Sequence[ForeignKey],
    gone: Sequence[Removal],
    left: Collection[Name],
) -> Iterator[str]:
    """Foreign keys of rows that stay to rows that do not, a line each. Of `left` no row stays."""
    removed = {removal.table: removal for removal in gone}
    asked = [
        key for key in keys if key.table not in left and (key.other in left or key.other in removed)
    ]
    for at in range(0, len(asked), AT_ONCE):
        part = asked[at : at + AT_ONCE]
        selects = [
            sql.SQL("select {} as number where {}").format(
                sql.Literal(number), _breaks(key, removed)
            )
            for number, key in enumerate(part)
        ]
        for row in connection.execute(sql.SQL(" union all ").join(selects)).fetchall():
            key = part[row["number"]]
            yield f"rows of {key} refer to rows of {words(key.other)} that are left out"


def _breaks(key: ForeignKey, removed: Mapping[Name, Removal]) -> Composable:
    own, other = removed.get(key.table), removed.get(key.other)
    goes = own.condition("a") if own else sql.SQL("false")
    leads = leads_to(key, other.condition)("a") if other else filled("a", key.columns)
    return sql.SQL("exists (select from {} as a where not {} and {})").format(
        sql.Identifier(*key.table), goes, leads
    )


def carry_out(connection: Connection[DictRow], removal: Removal) -> int:
    """How many rows went. The others are written anew, so that nothing stays in a dead row, not
    even where somebody has an older snapshot."""
    table = sql.Identifier(*removal.table)
    with connection.transaction():
        row = connection.execute(COLUMNS, (table.as_string(connection),)).fetchone()
        assert row is not None
        names = sql.SQL(row["names"])  # as quote_ident wrote them
        before = connection.execute(sql.SQL("select count(*) from {}").format(table)).fetchone()
        stay = connection.execute(
            sql.SQL(
                "create temporary table {} on commit drop as select {} from {} as a where not {}"
            ).format(ASIDE, names, table, removal.condition("a"))
        ).rowcount
        connection.execute(sql.SQL("truncate table {}").format(table))
        connection.execute(
            sql.SQL("insert into {} ({}) overriding system value select {} from {}").format(
                table, names, names, ASIDE
            )
        )
    assert before is not None
    return int(before["count"]) - stay
