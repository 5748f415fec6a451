"""The last look before anybody may connect: is anything left that a rule should have changed?

Samples of production and of the copy are compared in this process. No value is sent to either of
them but those of keys that are kept, and none is in what is said.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
    NO_ROWS,
    Rows,
    drawn_rows,
    proven_of,
    remembered,
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


@dataclass
class _Found:
    """Of a table: rows of the copy `now`, others of production `then`, the copy's of the same keys
    `again`, and what the planner has `known`, by column."""

    table: Table
    rules: Mapping[Column, MaskingRule]
    now: Rows
    then: Rows = NO_ROWS
    again: Rows = NO_ROWS
    known: Mapping[str, list[str]] = field(default_factory=dict)

    @property
    def emptied(self) -> bool:
        return any(rule.way == "empty" for rule in self.rules.values())

    @property
    def changed(self) -> list[Column]:
        return [column for column, rule in self.rules.items() if rule.way not in ("keep", "empty")]


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
    for found in _ahead(source, copy, catalog, matched, seen.keys):
        _look(copy, found, seen)
    return seen


def _ahead(
    source: Connection[DictRow],
    copy: Connection[DictRow],
    catalog: Catalog,
    matched: Matched,
    keys: frozenset[Place],
) -> Iterator[_Found]:
    """Of each table; the rows of the next are read while those of the last are compared."""
    alike = Counter(table.name for table in catalog.tables)
    known = remembered(copy)

    def read(table: Table) -> _Found:
        count = proven_of(alike[table.name])
        found = _read(source, copy, table, matched, keys, count)
        if (table.schema, table.name) in known:
            found.known = statistics(copy, table)
        return found

    with ThreadPoolExecutor(1) as pool:
        coming: Future[_Found] | None = None
        for table in catalog.tables:
            if table.kind != "f":
                last, coming = coming, pool.submit(read, table)
                if last:
                    yield last.result()
        if coming:
            yield coming.result()


def _objects(catalog: Catalog, matched: Matched) -> Iterator[str]:
    kept = matched.large_objects is not None and matched.large_objects.way == "keep"
    if catalog.large_objects and not kept:
        yield f"{catalog.large_objects} large objects are still there"


def _read(
    source: Connection[DictRow],
    copy: Connection[DictRow],
    table: Table,
    matched: Matched,
    keys: frozenset[Place],
    count: int,
) -> _Found:
    rules = {column: rule for column in table.columns if (rule := matched.of(column))}
    found = _Found(table, rules, now=drawn_rows(copy, table, table.columns, count))
    changed = found.changed
    if changed:
        keyed = [column for column in table.columns if column.place in keys]
        kept = keyed if all(rules[key].way == "keep" for key in keyed if key in rules) else []
        found.then = drawn_rows(source, table, [*kept, *changed], count)
        found.again = same_rows(copy, table, kept, changed, found.then)
    return found


def _look(copy: Connection[DictRow], found: _Found, seen: _Seen) -> None:
    table, now, then, again = found.table, found.now, found.then, found.again
    if found.emptied:
        if now.count:
            seen.problems.append(f"{table.schema}.{table.name} is not empty")
        if found.known:
            seen.problems.append(f"statistics of {table.schema}.{table.name} still hold its values")
        return
    for column in table.columns:
        seen.values += len(now.of(column))
        rule = found.rules.get(column)
        if rule and rule.way != "keep":
            held = [*now.of(column), *again.of(column), *found.known.get(column.name, [])]
            seen.problems += _changed(column, rule, then, again, held)
            seen.problems += _not_as_said(copy, table, column, rule)
            where = column.long
            for value in set(then.of(column)):
                seen.tokens |= dict.fromkeys(found_in(value or ""), where)
        elif column.kind.family in OPEN:
            _keep(column, now, seen)


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
