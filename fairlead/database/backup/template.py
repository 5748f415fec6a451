"""CREATE DATABASE … TEMPLATE: a copy beside, made by the server itself; nobody may be connected."""

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.backup.beside import at, connected, drop, elsewhere, fitted
from fairlead.database.backup.holdings import (
    Holding,
    count_rows,
    differences,
    holding,
    other_counts,
)
from fairlead.database.backup.job import Job, Made
from fairlead.database.backup.prove import refuse
from fairlead.errors import CannotSave
from fairlead.model import Backup

WHO = """
select usename, application_name, coalesce(host(client_addr), 'its own machine') as address,
  count(*) as count
from pg_stat_activity where datname = %s and pid <> pg_backend_pid()
group by 1, 2, 3 order by 4 desc
"""


def copy_name(backup: Backup) -> str:
    return fitted(backup.database, f"_backup_{backup.stamp}_{backup.id}")


def make_template(job: Job) -> Made:
    """Raises CannotSave where somebody is connected and does not leave, BackupBroken."""
    name = job.backup.place
    source, rows = _held(job, job.source.database)
    with elsewhere(job.conninfo, job.name, job.left) as connection:
        _copy(job, connection, name)
        try:
            copy, counted = _held(job, name)
            problems = [*differences(source, copy), *other_counts(rows, counted)]
            refuse(name, [f"copied, {line}" for line in problems])
            connection.execute(
                sql.SQL("alter database {} allow_connections false").format(sql.Identifier(name))
            )
            bytes_ = connection.execute("select pg_database_size(%s) as bytes", (name,)).fetchone()
        except BaseException:
            drop(connection, name)
            raise
    assert bytes_ is not None
    return Made(name, int(bytes_["bytes"]), drilled=job.settings.drill)


def _copy(job: Job, connection: Connection[DictRow], name: str) -> None:
    """The server itself waits 5 s for sessions to end."""
    try:
        connection.execute(
            sql.SQL("create database {} template {}").format(
                sql.Identifier(name), sql.Identifier(job.source.database)
            )
        )
    except psycopg.errors.ObjectInUse as error:
        who = connection.execute(WHO, (job.source.database,)).fetchall()
        raise CannotSave(
            job.environment,
            f'kind = "template" wants nobody connected to {job.source.database}, and there are '
            + (", ".join(_who(row) for row in who) or "sessions that have just gone"),
            "The application's own containers stay connected while they run. Stop them first, "
            'or take kind = "dump", which lets everybody work.',
        ) from error


def _who(row: DictRow) -> str:
    called = f" ({row['application_name']})" if row["application_name"] else ""
    return f"{row['count']} of {row['usename']}{called} from {row['address']}"


def _held(job: Job, database: str) -> tuple[Holding, dict[str, int]]:
    with connected(at(job.conninfo, database), job.name, job.left) as connection:
        with connection.transaction():
            held = holding(connection, database)
        rows = count_rows(connection, held.names, None) if job.settings.drill else {}
    return held, rows
