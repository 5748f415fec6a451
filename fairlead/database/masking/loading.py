"""Masking rows while they are loaded: a trigger sets each column before its row is written.

So each row is written once, and no value that a rule changes ever is. What a row alone does not
tell (shuffle, expressions of the project's own, partitions) is masked afterwards: mask.py.
https://www.postgresql.org/docs/current/plpgsql-trigger.html
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow
from psycopg.sql import Composed
from pydantic import SecretStr

from fairlead.config import Masking
from fairlead.database.masking.catalog import WRITTEN, read_catalog
from fairlead.database.masking.complete import complete
from fairlead.database.masking.expressions import HASH, assigned, function
from fairlead.database.masking.queries import SCHEMA
from fairlead.database.masking.rules import Matched
from fairlead.database.masking.session import (
    drop_functions,
    make_functions,
    masking,
    reason,
    salts,
)
from fairlead.database.masking.statements import Plan, TableName, plans_of
from fairlead.database.masking.trial import try_rules
from fairlead.errors import MaskingFailed

TRIGGER = sql.Identifier("fairlead masks")
AT_ONCE = 100  # tables in a transaction: each takes a lock
# What an extension brings along has rows before ours come: those no trigger sees.
FILLED = """
select n.nspname::text as schema, c.relname::text as name
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = 'r' and n.nspname !~ '^pg_' and pg_relation_size(c.oid) > 0
"""
# Whatever the role's settings are: not one row comes in past it.
MAKE = """
create trigger {trigger} before insert on {table} for each row execute function {function}();
alter table {table} enable always trigger {trigger}
"""
TRIGGER_FUNCTION = "create function {name}() returns trigger language plpgsql as {body}"
BODY = f"declare {HASH} text; begin {{lines}} end"
LET_USE = """
grant usage on schema {schema} to {role};
grant execute on all functions in schema {schema} to {role}
"""


@dataclass(frozen=True, slots=True)
class Loading:
    """`tables` are those whose rows are masked by sessions with these `settings`, in which the
    salts are: not to be shown."""

    tables: frozenset[TableName]
    settings: dict[str, str]


@contextmanager
def loading(conninfo: str, rules: Masking, key: SecretStr, role: str) -> Iterator[Loading]:
    """While it is open, `role` can fill the tables of this database; those that have rows already
    are left to mask.py.

    Raises MaskingIncomplete, MaskingUnfit, MaskingFailed, all before a row is there.
    """
    settings = salts(key, rules.rules.values())
    with _failing(), masking(conninfo, settings) as connection:
        catalog = read_catalog(connection)
        matched = complete(connection, catalog, rules.rules)
        plans = plans_of(catalog, matched)
        make_functions(connection)
        try_rules(connection, catalog, plans)
        filled = {(row["schema"], row["name"]) for row in connection.execute(FILLED).fetchall()}
        ours = [one for one in plans if one.arriving and one.place not in filled]
        _make_triggers(connection, ours, matched, role)
    yield Loading(frozenset(one.place for one in ours), {**WRITTEN, "jit": "off", **settings})
    with _failing(), masking(conninfo, {}) as connection:
        _in_parts(connection, [_dropped(one) for one in ours])
        drop_functions(connection)


@contextmanager
def _failing() -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        raise MaskingFailed("the new database", reason(error)) from None


def _make_triggers(
    connection: Connection[DictRow], plans: Sequence[Plan], matched: Matched, role: str
) -> None:
    """Tables that are masked alike, as those of tenants are, have one function."""
    functions: dict[str, sql.Identifier] = {}
    made = []
    for one in plans:
        lines = _lines(one, matched).as_string(connection)
        if lines not in functions:
            functions[lines] = name = function(f"load {len(functions)}")
            body = sql.Literal(BODY.format(lines=lines))
            connection.execute(sql.SQL(TRIGGER_FUNCTION).format(name=name, body=body))
        made.append(
            sql.SQL(MAKE).format(trigger=TRIGGER, table=one.name, function=functions[lines])
        )
    _in_parts(connection, made)
    connection.execute(
        sql.SQL(LET_USE).format(schema=sql.Identifier(SCHEMA), role=sql.Identifier(role))
    )


def _lines(one: Plan, matched: Matched) -> Composed:
    """Of a trigger's function; without a row to give there is none."""
    if one.emptied:
        return sql.SQL("return {};").format(sql.NULL)
    made = []
    for column in one.changes:
        rule = matched.of(column)
        assert rule is not None, "what has none is not changed"
        made.append(assigned(column, rule, "new"))
    return sql.SQL("\n").join([*made, sql.SQL("return new;")])


def _dropped(one: Plan) -> Composed:
    return sql.SQL("drop trigger {} on {}").format(TRIGGER, one.name)


def _in_parts(connection: Connection[DictRow], statements: Sequence[Composed]) -> None:
    for at in range(0, len(statements), AT_ONCE):
        connection.execute(sql.SQL(";").join(statements[at : at + AT_ONCE]))
