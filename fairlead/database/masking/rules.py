"""Which rule each column has, and which have none. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairlead.config import MaskingRule
from fairlead.config.masking import LARGE_OBJECTS
from fairlead.database.masking.catalog import Catalog, Column, Place, written

Rules = Mapping[Place, MaskingRule]


@dataclass(frozen=True, slots=True)
class Matched:
    """`rules` by column; `missing` have none, `unknown` are rules that no column has.
    `large_objects` is what becomes of those."""

    rules: Rules
    missing: Sequence[Column]
    unknown: Sequence[str]
    large_objects: MaskingRule | None

    def of(self, column: Column) -> MaskingRule | None:
        return self.rules.get(column.place)


def names_of(column: Column) -> tuple[str, ...]:
    """What a rule of it may be called, the nearest first."""
    table = written(column.table)
    return (
        f"{written(column.schema)}.{table}.*",
        f"{table}.*",
        column.long,
        column.short,
        f"*.{written(column.name)}",
    )


def match(catalog: Catalog, rules: Mapping[str, MaskingRule]) -> Matched:
    """A generated column needs none: it is made of others of its row, each of which has one."""
    found: dict[Place, MaskingRule] = {}
    missing: list[Column] = []
    used = {LARGE_OBJECTS}
    for column in catalog.columns.values():
        names = [name for name in names_of(column) if name in rules]
        used.update(names)
        if names:
            found[column.place] = rules[names[0]]
        elif not column.generated:
            missing.append(column)
    unknown = [name for name in rules if name not in used and not name.startswith("*.")]
    return Matched(found, missing, unknown, rules.get(LARGE_OBJECTS))
