"""The drill: the dump is restored into a scratch database beside, and compared."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import make_conninfo

from fairlead.database.backup.beside import at, connected, create_like, drop, fitted
from fairlead.database.backup.holdings import (
    Holding,
    count_rows,
    differences,
    holding,
    other_counts,
)
from fairlead.database.backup.job import Job
from fairlead.database.backup.manifest import DUMP
from fairlead.database.backup.process import libpq_environ, run
from fairlead.database.backup.programs import Programs
from fairlead.database.backup.prove import refuse
from fairlead.errors import BackupFailed
from fairlead.model import Backup


def restore_command(programs: Programs, folder: Path, jobs: int, database: str) -> list[str]:
    """pg_restore(1). The first error ends it: half a database is none."""
    return [
        programs.path("pg_restore"),
        "--exit-on-error",
        f"--jobs={jobs}",
        "--no-password",
        f"--dbname={make_conninfo(dbname=database)}",
        str(folder),
    ]


def scratch_name(backup: Backup) -> str:
    """Found again after a crash; of another store's backup it would be another one."""
    return fitted(backup.database, f"_drill_{backup.stamp}_{backup.id}")


def drill(
    job: Job,
    programs: Programs,
    folder: Path,
    source: Holding,
    rows: Mapping[str, int],
    later: Mapping[str, int | None],
) -> None:
    """Raises BackupFailed where it cannot be restored, BackupBroken where it differs."""
    job.say("drill: it is restored into a database beside, and compared")
    with _scratch(job) as name:
        command = restore_command(programs, folder / DUMP, job.settings.jobs, name)
        environ = libpq_environ(at(job.conninfo, name), name=job.name, inherited=job.environ)
        ended = run(command, environ=environ, deadline=job.deadline)
        if ended.problem:
            raise BackupFailed(job.environment, f"the drill: {ended.problem}", ended.tail)
        with connected(at(job.conninfo, name), job.name, job.left) as there:
            with there.transaction():
                copy = holding(there, name)
            counted = count_rows(there, copy.names, None)
    problems = [*differences(source, copy, later), *other_counts(rows, counted)]
    refuse(job.backup.place, [f"restored, {line}" for line in problems])
    job.say(f"drill: {len(counted)} tables with {sum(counted.values())} rows are the same")


@contextmanager
def _scratch(job: Job) -> Iterator[str]:
    """No connection is kept open meanwhile: a server that restarts would end it."""
    name = scratch_name(job.backup)
    with connected(job.conninfo, job.name, job.left) as connection:
        create_like(connection, job.source.database, name)
    try:
        yield name
    finally:
        with connected(job.conninfo, job.name, job.left) as connection:
            drop(connection, name)
