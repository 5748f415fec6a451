"""Whether a column can have the rule that it is given. Pure; what only PostgreSQL can tell
(checks, expressions) is tried on the copy before anything of it is changed: trial.py."""

from collections.abc import Iterator

from fairlead.config import MaskingRule
from fairlead.database.masking.catalog import Catalog, Column, Table
from fairlead.database.masking.forms import FORMS, TEXT, form_of, room
from fairlead.database.masking.rules import Matched

HASHED = ("text", "integer", "uuid", "bytes", "json", "address")
CHANCE = 0.01  # of two equal values that a UNIQUE may be given


def unfit(catalog: Catalog, matched: Matched) -> list[str]:
    """A line for each rule that its column cannot have."""
    found = [line for table in catalog.tables for line in _of_table(catalog, table, matched)]
    return list(dict.fromkeys(found))


def _of_table(catalog: Catalog, table: Table, matched: Matched) -> Iterator[str]:
    for column in table.columns:
        rule = matched.of(column)
        if rule is None:
            continue
        why = problem(column, rule, table) or _broken(catalog, column, rule, matched)
        if why:
            yield f"{column.short} = {shown(rule)}: {why}"


def shown(rule: MaskingRule) -> str:
    """As it is told: a constant or an expression is the project's own and may be long."""
    return f'"{rule.way}"' if rule.argument is None else f"{{ {rule.way} = {rule.argument!r:.60} }}"


def problem(column: Column, rule: MaskingRule, table: Table) -> str | None:
    """Why not; None where it can."""
    if rule.way in ("keep", "empty"):
        return _of_foreign(table) if rule.way == "empty" else None
    if column.generated:
        return "it is generated; mask what it is made of"
    return _of_foreign(table) or {
        "null": _null,
        "hash": _hash,
        "fake": _fake,
        "constant": _constant,
        "shift_days": _shift,
    }.get(rule.way, _nothing)(column, rule, table.rows)


def _of_foreign(table: Table) -> str | None:
    foreign = "its rows are on another server, so it can only be kept, or left out of the dump"
    return foreign if table.kind == "f" else None


def _nothing(column: Column, rule: MaskingRule, rows: int) -> str | None:
    return None


def _null(column: Column, rule: MaskingRule, rows: int) -> str | None:
    return "it is NOT NULL" if column.not_null else None


def _constant(column: Column, rule: MaskingRule, rows: int) -> str | None:
    return "it is UNIQUE" if column.unique else None


def _fake(column: Column, rule: MaskingRule, rows: int) -> str | None:
    if column.kind.family != "text":
        return f"{column.type} is no text"
    return "it is UNIQUE, and there are few words; hash it" if column.unique else None


def _shift(column: Column, rule: MaskingRule, rows: int) -> str | None:
    if column.kind.family != "date" or column.kind.array:
        return f"{column.type} is no date"
    return "it is UNIQUE, and two may meet" if column.unique else None


def _hash(column: Column, rule: MaskingRule, rows: int) -> str | None:
    if column.kind.family not in HASHED:
        return f"{column.type} cannot be hashed"
    if column.kind.array and column.kind.family == "json":
        return "an array of documents cannot be hashed; take null or sql"
    form = form_of(column, rule)
    if column.kind.family == "text" and column.limit is not None and column.limit < form.shortest:
        return f"{column.type} is too short: {rule.argument} needs {form.shortest} characters"
    if column.unique and column.kind.family in ("text", "address"):
        # https://en.wikipedia.org/wiki/Birthday_problem
        if rows**2 / 2 / room(column, form) > CHANCE:
            return f"it is UNIQUE, and there are too few such values for {rows} rows"
        if form is TEXT and room(column, form) < 2**25:
            return "it is UNIQUE, and too short for values of its own"
    return None


def _broken(catalog: Catalog, column: Column, rule: MaskingRule, matched: Matched) -> str | None:
    """A foreign key has to lead to the same value afterwards."""
    for place in column.refers:
        other = catalog.columns[place]
        theirs = matched.of(other)
        if theirs is None or rule.way in ("null", "empty"):
            continue
        same = rule == theirs and rule.way in ("keep", "hash", "sql")
        fits = same or {rule.way, theirs.way} <= {"keep", "shuffle"}
        if not fits or (form_of(column, rule) is FORMS["email"] and _cut(column) != _cut(other)):
            return f"it refers to {other.short}, which has {shown(theirs)}"
    return None


def _cut(column: Column) -> int:
    return min(column.limit or 99, FORMS["email"].longest)
