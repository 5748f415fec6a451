"""What a column is set to, as SQL. Pure: built here, sent elsewhere."""

from psycopg import sql
from psycopg.sql import Composable, Composed

from fairlead.config import MaskingRule
from fairlead.database.masking.catalog import Column
from fairlead.database.masking.forms import FORMS, MAIL_DOMAIN, TEXT, form_of
from fairlead.database.masking.queries import SCHEMA

HASH = "hash"
SHIFT = "shift"  # the meaning of all shifted dates, so that the same days stay the same


def meanings(rule: MaskingRule) -> list[str]:
    """Those whose salts its expression reads."""
    return {
        "hash": [str(rule.argument)],
        "fake": [f"fake_{rule.argument}"],
        "shift_days": [SHIFT],
        "shuffle": ["shuffle"],
    }.get(rule.way, [])


def assigned(column: Column, rule: MaskingRule, row: str) -> Composed:
    """As PL/pgSQL, where `row` is a record, and HASH a text that it may set."""
    statement = sql.SQL("{} := {};").format(own(column, row), expression(column, rule, row))
    if not _hashed_once(column, rule):
        return statement
    (meaning,) = meanings(rule)
    return sql.SQL("{} := {}({}, {});\n{}").format(
        sql.Identifier(HASH),
        function("hexadecimal"),
        text_of(column, row),
        sql.Literal(meaning),
        statement,
    )


def _hashed_once(column: Column, rule: MaskingRule) -> bool:
    """What takes more than one thing from its hash: PostgreSQL would make it for each."""
    return rule.way in ("fake", "shift_days") and not column.kind.array


def expression(column: Column, rule: MaskingRule, of: str | None = None) -> Composed | None:
    """Of the column's own type; None where its values stay or are moved: keep, empty, shuffle. `of`
    is what its row is called where it is assigned; an expression of the project's own knows no such
    name."""
    make = {
        "null": lambda: typed(sql.SQL("null"), column),
        "constant": lambda: typed(_literal(rule), column),
        "sql": lambda: typed(sql.SQL(str(rule.argument)), column),
        "shift_days": lambda: _shifted(column, rule, of),
        "fake": lambda: _texts(column, rule, f"fake_{rule.argument}", f"fake_{rule.argument}", of),
        "hash": lambda: _hashed(column, rule, of),
    }.get(rule.way)
    return make() if make else None


def typed(value: Composable, column: Column) -> Composed:
    """`type` comes from format_type, which quotes what is in it."""
    return sql.SQL("({}\n)::{}").format(value, sql.SQL(column.type))  # a comment ends there


def own(column: Column, of: str | None) -> sql.Identifier:
    return sql.Identifier(of, column.name) if of else sql.Identifier(column.name)


def text_of(column: Column, of: str | None = None) -> Composed:
    """citext takes both kinds of letters for the same: so has its hash to."""
    text = sql.SQL("{}::text").format(own(column, of))
    return sql.SQL("lower({})").format(text) if column.kind.name == "citext" else text


def _literal(rule: MaskingRule) -> sql.Literal:
    value = rule.argument
    return sql.Literal(str(value).lower() if isinstance(value, bool) else str(value))


def _shifted(column: Column, rule: MaskingRule, of: str | None) -> Composed:
    call = _call("shift", column, rule, SHIFT, of, sql.Literal(rule.argument))
    return typed(sql.SQL("{} + make_interval(days => {})").format(own(column, of), call), column)


def _call(
    name: str, column: Column, rule: MaskingRule, meaning: str, of: str | None, *more: Composable
) -> Composed:
    """Of the value, or where it is assigned of the hash that `assigned` has made of it."""
    given: list[Composable] = [text_of(column, of), sql.Literal(meaning)]
    if of and _hashed_once(column, rule):
        name, given = f"{name}_of", [sql.Identifier(HASH)]
    return sql.SQL("{}({})").format(function(name), sql.SQL(", ").join([*given, *more]))


def _hashed(column: Column, rule: MaskingRule, of: str | None) -> Composed:
    value, meaning = own(column, of), str(rule.argument)
    form = form_of(column, rule)
    if column.kind.family == "integer":
        return _each(column, meaning, "permuted", sql.SQL("bigint"), value)
    if column.kind.family == "bytes":
        if column.kind.array:
            return _each(column, meaning, "digest_bytes", sql.SQL("bytea"), value)
        return _called("digest_bytes", value, meaning, column)
    if column.kind.family == "json":
        return _called("hash_document", text_of(column, of), meaning, column)
    return _texts(column, rule, form.function, meaning, of)


def _each(column: Column, meaning: str, name: str, kind: Composable, value: Composable) -> Composed:
    if not column.kind.array:
        return _called(name, sql.SQL("{}::{}").format(value, kind), meaning, column)
    return _called(f"each_{name}", sql.SQL("{}::{}[]").format(value, kind), meaning, column)


def _called(name: str, value: Composable, meaning: str, column: Column) -> Composed:
    call = sql.SQL("{}({}, {})").format(function(name), value, sql.Literal(meaning))
    return typed(call, column)


def _texts(column: Column, rule: MaskingRule, name: str, meaning: str, of: str | None) -> Composed:
    if column.kind.array:
        value = sql.SQL("{}::text[]").format(own(column, of))
        call = sql.SQL("{}({}, {}, {}, {})").format(
            function(f"each_{name}"),
            value,
            sql.Literal(meaning),
            sql.Literal(column.kind.name == "citext"),
            sql.Literal(column.limit),
        )
        return typed(call, column)
    value = text_of(column, of)
    call = _call(name, column, rule, meaning, of)
    if column.limit is not None:
        call = _cut(call, column, rule)
    return typed(sql.SQL("case {v} when '' then '' else {c} end").format(v=value, c=call), column)


def _cut(call: Composed, column: Column, rule: MaskingRule) -> Composed:
    """A mail address keeps its domain; the others are random to their ends, or words."""
    assert column.limit is not None
    form = form_of(column, rule)
    if rule.way == "hash" and form is FORMS["email"]:
        if column.limit >= form.longest:
            return call
        room = sql.Literal(column.limit - len(MAIL_DOMAIN))
        return sql.SQL("left({}, {}) || {}").format(call, room, sql.Literal(MAIL_DOMAIN))
    if rule.way == "hash" and form is not TEXT:
        return call
    return sql.SQL("left({}, {})").format(call, sql.Literal(column.limit))


def function(name: str) -> sql.Identifier:
    return sql.Identifier(SCHEMA, name)
