"""A program of the project's own that saves the database: a managed provider's snapshot."""

from fairlead.database.backup.job import Job, Made
from fairlead.database.backup.process import run
from fairlead.errors import BackupFailed


def make_by_command(job: Job) -> Made:
    """The last line of its standard output names the backup. It is proven by the exit code 0 only:
    what it made is not ours to read. Raises BackupFailed."""
    environ = {
        **job.environ,
        "FAIRLEAD_ENVIRONMENT": job.environment,
        "FAIRLEAD_DATABASE": job.source.database,
        "FAIRLEAD_RELEASE": str(job.backup.release or ""),
    }
    try:
        ended = run(job.settings.command, environ=environ, deadline=job.deadline)
    except OSError as error:
        why = f"{job.settings.command[0]} cannot be run: {error.strerror}"
        raise BackupFailed(job.environment, why, ()) from error
    if ended.problem:
        raise BackupFailed(job.environment, ended.problem, ended.tail)
    lines = [line.strip() for line in ended.output.splitlines() if line.strip()]
    if not lines:
        why = f"{ended.program} ended well, and its last line names no backup"
        raise BackupFailed(job.environment, why, ended.tail)
    return Made(lines[-1])
