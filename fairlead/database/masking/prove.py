"""The last look before anybody may connect: is anything left that a rule should have changed?

Samples of production and of the copy are compared in this process. No value is sent to either of
them but those of keys that are kept, and none is in what is said.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.config import MaskingRule
from fairlead.database.masking.candidates import WORDS
from fairlead.database.masking.catalog import Catalog, Column, Place, Table, read_catalog
from fairlead.database.masking.compare import as_before, exact, left, made_up
from fairlead.database.masking.detect import found_in
from fairlead.database.masking.expressions import expression
from fairlead.database.masking.rows import (
    Rows,
    drawn_rows,
    proven_of,
    same_rows,
    statistics,
)
from fairlead.database.masking.rules import Matched, match
from fairlead.database.masking.sample import parts
from fairlead.database.masking.session import reason
from fairlead.errors import MaskingFailed, MaskingNotProven

OPEN = ("text", "json", "bytes", "other")  # families that a mail address can stand in


@dataclass(frozen=True, slots=True)
class Proof:
    """How many `values` of the copy were looked at. `noticed` is what nobody has to mend but
    should know: kept columns in which mail addresses, IBANs or card numbers stand."""

    values: int
    noticed: Sequence[str]


@dataclass
class _Seen:
    """Of production, `keys` are its primary keys (the copy may have none yet), `tokens` what its
    changed columns hold: kind and value, by column."""

    keys: frozenset[Place]
    tokens: dict[tuple[str, str], str] = field(default_factory=dict)
    kept: list[tuple[Column, list[tuple[str, str]], int]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    values: int = 0


def prove(
    source: Connection[DictRow],
    copy: Connection[DictRow],
    rules: Mapping[str, MaskingRule],
) -> Proof:
    """Both sessions as `settle` makes them, that of `source` one that cannot write.

    Raises MaskingNotProven; MaskingFailed where one of the two says no.
    """
    try:
        catalog = read_catalog(copy)
        seen = _seen(source, copy, catalog, match(catalog, rules))
    except psycopg.Error as error:
        raise MaskingFailed("was done, and to prove it", reason(error)) from None
    noticed = list(_in_kept(seen))
    if seen.problems:
        raise MaskingNotProven(catalog.database, seen.problems)
    return Proof(seen.values, noticed)


def _seen(
    source: Connection[DictRow], copy: Connection[DictRow], catalog: Catalog, matched: Matched
) -> _Seen:
    primary = [column.place for column in read_catalog(source).columns.values() if column.primary]
    seen = _Seen(frozenset(primary))
    seen.problems += [f"{column.long} has no rule" for column in matched.missing]
    seen.problems += _objects(catalog, matched)
    alike = Counter(table.name for table in catalog.tables)
    for table in catalog.tables:
        if table.kind != "f":
            _look(source, copy, table, matched, seen, proven_of(alike[table.name]))
    return seen


def _objects(catalog: Catalog, matched: Matched) -> Iterator[str]:
    kept = matched.large_objects is not None and matched.large_objects.way == "keep"
    if catalog.large_objects and not kept:
        yield f"{catalog.large_objects} large objects are still there"


def _look(
    source: Connection[DictRow],
    copy: Connection[DictRow],
    table: Table,
    matched: Matched,
    seen: _Seen,
    count: int,
) -> None:
    rules = {column: rule for column in table.columns if (rule := matched.of(column))}
    emptied = any(rule.way == "empty" for rule in rules.values())
    changed = [column for column, rule in rules.items() if rule.way not in ("keep", "empty")]
    keys = [column for column in table.columns if column.place in seen.keys]
    kept_keys = keys if all(rules[key].way == "keep" for key in keys if key in rules) else []
    now = drawn_rows(copy, table, table.columns, count)
    if emptied:
        seen.problems += [f"{table.schema}.{table.name} is not empty"] if now.count else []
    then = drawn_rows(source, table, [*kept_keys, *changed], count) if changed else Rows({}, 0)
    again = same_rows(copy, table, kept_keys, changed, then) if changed else Rows({}, 0)
    known = statistics(copy, table)
    for column in [] if emptied else table.columns:
        seen.values += len(now.of(column))
        rule = rules.get(column)
        if column in changed and rule:
            held = [*now.of(column), *again.of(column), *known.get(column.name, [])]
            seen.problems += _changed(column, rule, then, again, held)
            seen.problems += _not_as_said(copy, table, column, rule)
            for value in then.of(column):
                seen.tokens |= dict.fromkeys(found_in(value or ""), column.long)
        elif column.kind.family in OPEN:
            _keep(column, now, seen)
    if emptied and known:
        seen.problems.append(f"statistics of {table.schema}.{table.name} still hold its values")


def _changed(
    column: Column, rule: MaskingRule, then: Rows, again: Rows, held: Sequence[str | None]
) -> Iterator[str]:
    """`held` is what the copy has of it, in its statistics too."""
    there = [value for value in held if value is not None]
    if rule.way == "fake" and (odd := made_up(column, str(rule.argument), there)):
        yield f"{column.long}: {odd} values are not made of our words"
    elif exact(column, rule) and (same := left(column, then.of(column), there)):
        yield f"{column.long}: {same} values are as in production"
    elif as_before(rule, then.of(column), again.of(column)):
        yield f"{column.long} is as it was in production, row by row"


def _not_as_said(
    copy: Connection[DictRow], table: Table, column: Column, rule: MaskingRule
) -> Iterator[str]:
    """What is one value everywhere is looked at everywhere."""
    if rule.way not in ("null", "constant"):
        return
    statement = sql.SQL("select exists (select from {} where {}::text is distinct from {}::text)")
    one = expression(column, rule)
    assert one is not None
    found = copy.execute(
        statement.format(sql.Identifier(table.schema, table.name), sql.Identifier(column.name), one)
    ).fetchone()
    if found and found["exists"]:
        yield f"{column.long} is not {'NULL' if rule.way == 'null' else 'the constant'} everywhere"


def _keep(column: Column, now: Rows, seen: _Seen) -> None:
    values = [value for value in now.of(column) if value]
    tokens = [
        token for value in values for part in parts(column, value) for token in found_in(part)
    ]
    if tokens:
        seen.kept.append((column, tokens, len(values)))


def _in_kept(seen: _Seen) -> Iterator[str]:
    """What production has in a column that is masked must not stand in one that is kept."""
    for column, tokens, count in seen.kept:
        for kind in sorted({kind for kind, _ in tokens}):
            of_kind = {token for token in tokens if token[0] == kind}
            where = sorted({seen.tokens[token] for token in of_kind if token in seen.tokens})
            if where:
                seen.problems.append(
                    f"{column.long} is kept, and {WORDS[kind]} of {', '.join(where)} stand in it"
                )
            else:
                yield f"{column.long} is kept; {len(of_kind)} {WORDS[kind]} in {count} values"
