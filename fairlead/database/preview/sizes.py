"""How large the tables of a preview are in the real database, now."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

from psycopg import Connection, errors, sql
from psycopg.rows import DictRow

from fairlead.database.preview.model import Size, Stage, Table

COUNTED = 10_000_000  # bytes up to which the rows are counted
UNCOUNTED = (
    errors.UndefinedTable,  # dropped meanwhile
    errors.LockNotAvailable,
    errors.InsufficientPrivilege,  # or some of its rows are hidden from this role
    errors.ObjectNotInPrerequisiteState,  # a materialized view that was never filled
)
# Of a table in each of these schemas: all of them together, and the largest. One that is dropped
# meanwhile has no size.
SIZES = """
select * from (
  select n.nspname as schema, c.relname as name, greatest(c.reltuples, -1)::bigint as rows,
  case when c.relkind = 'p' then coalesce((select sum(pg_table_size(t.relid))
    from pg_partition_tree(c.oid) t), 0) else pg_table_size(c.oid) end::bigint as bytes
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where c.relkind in ('r', 'p', 'm') and n.nspname = any(%s) and c.relname = any(%s)
) found where bytes is not null
"""
# The same without a lock, for where somebody has one: as the last VACUUM or ANALYZE found it.
LOCKED = """
select n.nspname as schema, c.relname as name, greatest(c.reltuples, -1)::bigint as rows,
  greatest(c.relpages, 0) * current_setting('block_size')::bigint as bytes
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'm') and n.nspname = any(%s) and c.relname = any(%s)
"""


def with_sizes(connection: Connection[DictRow], stage: Stage, schemas: Sequence[str]) -> Stage:
    """`schemas` are those of all the tenants that the stage stands for."""
    tables = sorted(set(_tables(stage)), key=str)
    where = {table.schema: [table.schema] for table in tables}
    where |= {"": list(schemas)} if "" in where else {}
    return replace(stage, sizes=tuple(_sizes(connection, tables, where)))


def _tables(stage: Stage) -> Iterable[Table]:
    for _, statement in stage.statements():
        yield from (lock.table for lock in (*statement.locks, *statement.held))
        yield from (work.table for work in statement.works)


def _sizes(
    connection: Connection[DictRow], tables: Sequence[Table], schemas: dict[str, list[str]]
) -> Iterable[Size]:
    """`schemas` are those in which the tables of each schema are."""
    for own, places in schemas.items():
        names = [table.name for table in tables if table.schema == own]
        found: dict[str, list[DictRow]] = {}
        for row in _found(connection, places, names):
            found.setdefault(row["name"], []).append(row)
        for name, rows in found.items():
            largest = max(rows, key=lambda row: row["bytes"])
            count, exact = _rows(connection, largest)
            together = sum(row["bytes"] for row in rows)
            yield Size(Table(own, name), count, exact, largest["bytes"], len(rows), together)


def _found(
    connection: Connection[DictRow], schemas: Sequence[str], names: Sequence[str]
) -> list[DictRow]:
    try:
        return connection.execute(SIZES, (schemas, names)).fetchall()
    except errors.LockNotAvailable:
        return connection.execute(LOCKED, (schemas, names)).fetchall()


def _rows(connection: Connection[DictRow], row: DictRow) -> tuple[int | None, bool]:
    """Counted, or what the planner takes them for; whether it is the former."""
    counted = _counted(connection, row) if row["bytes"] <= COUNTED else None
    if counted is not None:
        return counted, True
    return (row["rows"] if row["rows"] >= 0 else None), False


def _counted(connection: Connection[DictRow], row: DictRow) -> int | None:
    table = sql.Identifier(row["schema"], row["name"])
    try:
        counted = connection.execute(
            sql.SQL("select count(*) as rows from {}").format(table)
        ).fetchone()
    except UNCOUNTED:
        return None
    assert counted is not None
    return int(counted["rows"])
