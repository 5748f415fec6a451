"""What the project itself says must be true of its data: `[[checks]]`."""

from collections.abc import Iterator, Sequence
from decimal import Decimal

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.config import Check
from fairlead.store.database import first_line

# A tenant is a schema with migrations of its own.
TENANTS = """
select n.nspname as schema from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname = 'django_migrations' and c.relkind = 'r' and n.nspname <> 'public' order by 1
"""


def untrue(connection: Connection[DictRow], checks: Sequence[Check]) -> Iterator[str]:
    """A line for each check that does not hold, and each tenant in which it does not. No value of
    the data is in it."""
    for check in checks:
        for schema in _schemas(connection, check):
            if problem := _problem(connection, check, schema):
                where = f" in {schema}" if schema else ""
                yield f"{check.label}{where}: {problem}"


def _schemas(connection: Connection[DictRow], check: Check) -> list[str | None]:
    if not check.each_tenant:
        return [None]
    return [row["schema"] for row in connection.execute(TENANTS).fetchall()]


def _problem(connection: Connection[DictRow], check: Check, schema: str | None) -> str:
    try:
        with connection.transaction():
            if schema:
                path = sql.SQL("set local search_path to {}, public").format(sql.Identifier(schema))
                connection.execute(path)
            # In the extended protocol, which this takes, it cannot be more than one statement.
            cursor = connection.execute(check.sql.encode(), binary=True)
            if cursor.description is None:
                return "it asks for nothing: it should be a SELECT"
            return _judged(check, cursor.fetchmany(2), cursor.rowcount)
    except psycopg.Error as error:
        return first_line(error)


def _judged(check: Check, rows: Sequence[DictRow], count: int) -> str:
    """Pure: what is wrong with the answer; empty where it is as it should be."""
    if check.expect is None:
        return f"{count} rows, and there should be none" if count else ""
    if count != 1 or len(rows[0]) != 1:
        return f"it should answer with one value, and does with {count} rows"
    (value,) = rows[0].values()
    return "" if _same(value, check.expect) else f"it is not {check.expect!r}"


def _same(value: object, expect: bool | int | float | str) -> bool:
    if isinstance(expect, bool) or isinstance(value, bool):
        return value is expect
    if isinstance(value, int | float | Decimal) and isinstance(expect, int | float):
        return Decimal(str(value)) == Decimal(str(expect))
    return str(value) == str(expect)
