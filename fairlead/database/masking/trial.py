"""What only PostgreSQL can tell of a rule, asked with the first rows before anything is changed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.database.masking.catalog import Catalog, Column, written
from fairlead.database.masking.session import reason
from fairlead.database.masking.statements import COUNTED, Plan, trial
from fairlead.errors import MaskingUnfit

ROWS = 200


def try_rules(connection: Connection[DictRow], catalog: Catalog, plans: Sequence[Plan]) -> None:
    """Tables of the same shape in many schemas are tried in the one with the most rows.

    Raises MaskingUnfit.
    """
    problems = [line for one in _largest(plans) for line in _tried(connection, one)]
    if problems:
        raise MaskingUnfit(catalog.database, problems)


def _largest(plans: Sequence[Plan]) -> list[Plan]:
    shapes: dict[object, Plan] = {}
    for one in plans:
        shape = (one.table.name, tuple((c.name, c.type) for c in one.table.columns))
        if one.changes and (shape not in shapes or shapes[shape].table.rows < one.table.rows):
            shapes[shape] = one
    return list(shapes.values())


def _tried(connection: Connection[DictRow], one: Plan) -> Iterator[str]:
    checks: Mapping[str, object] = {}
    try:
        row = connection.execute(trial(one, ROWS)).fetchone()
        checks = {name: holds for name, holds in (row or {}).items() if name != COUNTED}
    except psycopg.Error as error:
        alone = [
            (column, why) for column in one.changes if (why := _alone(connection, one, column))
        ]
        yield from (f"{column.short}: {why}" for column, why in alone)
        if not alone:
            yield f"{written(one.table.name)}: {reason(error)}"
    for name, holds in checks.items():
        if not holds:
            yield f"{written(one.table.name)}: its check {name} does not hold of what is masked"


def _alone(connection: Connection[DictRow], one: Plan, column: Column) -> str | None:
    bare = replace(one.table, checks={})
    try:
        connection.execute(trial(Plan(bare, changes={column: one.changes[column]}), ROWS))
    except psycopg.Error as error:
        return reason(error)
    return None
