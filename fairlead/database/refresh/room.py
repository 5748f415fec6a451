"""Whether the new database finds room: on the server's disk, as far as the server can be asked."""

from psycopg import Connection, Error, sql
from psycopg.rows import DictRow

MARGIN = 1.2
MAY = "select pg_has_role(current_user, 'pg_execute_server_program', 'MEMBER') as may"
# A server's working folder is its data directory, in which tablespaces are linked by their OID.
WHERE = """
select case when t.spcname = 'pg_default' then '.' else 'pg_tblspc/' || t.oid end as path
from pg_database d join pg_tablespace t on t.oid = d.dattablespace where d.datname = %s
"""
LARGEST = """
select coalesce(max(pg_total_relation_size(oid)), 0)::bigint as bytes from pg_class
where relkind in ('r', 'm') and oid >= 16384
"""


def needed(source_bytes: int, largest_bytes: int) -> int:
    """While the largest table is masked it is there twice."""
    return round((source_bytes + largest_bytes) * MARGIN)


def largest_table(connection: Connection[DictRow]) -> int:
    row = connection.execute(LARGEST).fetchone()
    assert row is not None
    return int(row["bytes"])


def free_for(connection: Connection[DictRow], database: str) -> int | None:
    """Bytes free where `database` is; None where our role may not ask, or nobody can say."""
    may, where = (
        connection.execute(MAY).fetchone(),
        connection.execute(WHERE, (database,)).fetchone(),
    )
    if may is None or where is None or not may["may"]:
        return None
    try:
        with connection.transaction():
            connection.execute("create temporary table fairlead_df (line text) on commit drop")
            connection.execute(
                sql.SQL("copy fairlead_df from program {}").format(
                    sql.Literal(f"df -Pk {where['path']}")
                )
            )
            lines = connection.execute("select line from fairlead_df").fetchall()
    except Error:
        return None
    return free_in([row["line"] for row in lines])


def free_in(lines: list[str]) -> int | None:
    """Of what POSIX' `df -Pk` writes: the fourth field of its last line, in kB; pure."""
    fields = lines[-1].split() if lines else []
    return int(fields[3]) * 1024 if len(fields) >= 6 and fields[3].isdigit() else None
