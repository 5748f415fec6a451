"""Whether the new database finds room: on the server's disk, as far as the server can be asked."""

from collections.abc import Collection
from dataclasses import dataclass

from psycopg import Connection, Error, sql
from psycopg.rows import DictRow

from fairlead.database.masking.statements import TableName

MARGIN = 1.2
RESERVE = 0.05  # of the disk
RESERVED = 1 << 30  # bytes, and no more than that
MAY = "select pg_has_role(current_user, 'pg_execute_server_program', 'MEMBER') as may"
# A server's working folder is its data directory, in which tablespaces are linked by their OID.
WHERE = """
select case when t.spcname = 'pg_default' then '.' else 'pg_tblspc/' || t.oid end as path
from pg_database d join pg_tablespace t on t.oid = d.dattablespace where d.datname = %s
"""
# Asked every second: one table for all of them, so that the catalog does not grow.
TABLE = "create temporary table if not exists fairlead_df (line text) on commit delete rows"
# What a partitioned table holds is its partitions'.
LARGEST = """
select coalesce(max(pg_table_size(c.oid) + held.bytes), 0)::bigint as bytes
from unnest(%s::text[], %s::text[]) as wanted (schema, name)
  join pg_namespace n on n.nspname = wanted.schema
  join pg_class c on c.relnamespace = n.oid and c.relname = wanted.name
  cross join lateral (
    select coalesce(sum(pg_table_size(relid)), 0) as bytes
    from pg_partition_tree(c.oid) where isleaf
  ) held
"""


def needed(source_bytes: int, twice_bytes: int) -> int:
    """`twice_bytes` are there twice for a time."""
    return round((source_bytes + twice_bytes) * MARGIN)


def largest_of(connection: Connection[DictRow], tables: Collection[TableName]) -> int:
    """In bytes."""
    schemas, names = [schema for schema, _ in tables], [name for _, name in tables]
    row = connection.execute(LARGEST, (schemas, names)).fetchone()
    assert row is not None
    return int(row["bytes"])


@dataclass(frozen=True, slots=True)
class Disk:
    """`bytes` in all and `free` of the one that is mounted at `path`."""

    bytes: int
    free: int
    path: str

    @property
    def reserve(self) -> int:
        """What a refresh leaves free: a server whose disk is full ends, and all that it serves."""
        return min(round(self.bytes * RESERVE), RESERVED)

    @property
    def spare(self) -> int:
        return self.free - self.reserve


def disk_of(connection: Connection[DictRow], database: str) -> Disk | None:
    """Where `database` is; None where our role may not ask, or nobody can say."""
    may, where = (
        connection.execute(MAY).fetchone(),
        connection.execute(WHERE, (database,)).fetchone(),
    )
    if may is None or where is None or not may["may"]:
        return None
    try:
        with connection.transaction():
            connection.execute(TABLE)
            connection.execute(
                sql.SQL("copy fairlead_df from program {}").format(
                    sql.Literal(f"df -Pk {where['path']}")
                )
            )
            lines = connection.execute("select line from fairlead_df").fetchall()
    except Error:
        return None
    return disk_in([row["line"] for row in lines])


def disk_in(lines: list[str]) -> Disk | None:
    """What POSIX' `df -Pk` writes, in its last line; pure."""
    fields = lines[-1].split(maxsplit=5) if lines else []
    if len(fields) < 6 or not (fields[1] + fields[3]).isdigit():
        return None
    return Disk(int(fields[1]) * 1024, int(fields[3]) * 1024, fields[5])
