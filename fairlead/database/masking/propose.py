"""A rule for each column that has none, by its name and by what is in it."""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.config import MaskingRule
from fairlead.config.masking import LARGE_OBJECTS
from fairlead.database.masking.candidates import KEEP, candidates
from fairlead.database.masking.catalog import Catalog, Column, Place, Table
from fairlead.database.masking.catalog import written as named
from fairlead.database.masking.fit import problem
from fairlead.database.masking.rules import Matched, Rules
from fairlead.database.masking.sample import sample
from fairlead.database.masking.toml import line, rule_line

SAMPLED = 3  # tables of the same name, the largest, in which values are looked at
# What nobody misses where it is refreshed, and what others can come in with.
EMPTIED = re.compile(
    r"^(django_session|django_admin_log|oauth2_provider_(accesstoken|refreshtoken|grant|idtoken)"
    r"|knox_authtoken|axes_access\w*|silk_\w+|easyaudit_\w+|account_emailconfirmation)$"
)
Found = Mapping[Column, tuple[MaskingRule | None, str]]


def proposals(connection: Connection[DictRow], catalog: Catalog, matched: Matched) -> list[str]:
    """Lines for the config, one for each name."""
    missing = {column.place for column in matched.missing}
    emptied = _emptied(catalog, missing)
    groups: dict[str, list[tuple[Table, Column]]] = defaultdict(list)
    lines = [line(f"{named(table)}.*", "empty", "sessions, logs and tokens") for table in emptied]
    for table in catalog.tables:
        for column in table.columns:
            if column.place in missing and table.name not in emptied:
                groups[column.short].append((table, column))
    looked = _looked(connection, groups)
    found = {name: _proposed(group, looked) for name, group in groups.items()}
    rules: dict[Place, MaskingRule] = dict(matched.rules)
    for name, group in groups.items():
        rule = found[name][0]
        rules.update({column.place: rule for _, column in group if rule})
    for name, group in groups.items():
        rule, why = _followed(catalog, group, rules) or found[name]
        lines.append(rule_line(name, rule, why))
    if catalog.large_objects and matched.large_objects is None:
        lines.append(line(LARGE_OBJECTS, "empty", f"{catalog.large_objects} large objects"))
    return lines


def _emptied(catalog: Catalog, missing: set[Place]) -> list[str]:
    """Those of them that no other table refers to, and none of whose columns has a rule."""
    wanted = {table.name for table in catalog.tables if EMPTIED.match(table.name)}
    for table in catalog.tables:
        if table.name in wanted:
            free = all(column.place in missing or column.generated for column in table.columns)
            wanted -= set() if free and table.kind != "f" else {table.name}
    for column in catalog.columns.values():
        wanted -= {other for _, other, _ in column.refers if column.table not in wanted}
    return sorted(wanted)


def _looked(
    connection: Connection[DictRow], groups: Mapping[str, Sequence[tuple[Table, Column]]]
) -> dict[Column, list[str]]:
    wanted: dict[tuple[str, str], tuple[Table, list[Column]]] = {}
    for group in groups.values():
        largest = sorted(group, key=lambda one: -one[0].rows)[:SAMPLED]
        for table, column in largest:
            wanted.setdefault((table.schema, table.name), (table, []))[1].append(column)
    found: dict[Column, list[str]] = {}
    for table, columns in wanted.values():
        found |= sample(connection, table, columns)
    return found


def _proposed(
    group: Sequence[tuple[Table, Column]], looked: Mapping[Column, list[str]]
) -> tuple[MaskingRule | None, str]:
    """The first that all columns of this name can have."""
    values = [value for _, column in group for value in looked.get(column, [])]
    for rule, why in candidates(group[0][1], values):
        if all(problem(column, rule, table) is None for table, column in group):
            return rule, why
    return None, "nothing fits by itself: write a rule"


def _followed(
    catalog: Catalog, group: Sequence[tuple[Table, Column]], rules: Rules
) -> tuple[MaskingRule, str] | None:
    """A foreign key has what it refers to has, through all that are between."""
    for _, column in group:
        for end in _ends(catalog, column):
            rule = rules.get(end.place)
            if rule and rule != KEEP and rule.way in ("hash", "sql"):
                return rule, f"refers to {end.short}"
            return KEEP, "a key"
    return None


def _ends(catalog: Catalog, column: Column) -> Iterator[Column]:
    seen: set[Place] = set()
    while column.refers and column.place not in seen:
        seen.add(column.place)
        column = catalog.columns[column.refers[0]]
    if seen:
        yield column
