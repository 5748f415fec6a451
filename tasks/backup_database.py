"""The database is saved, and the backup proven, before anything is migrated."""

from prefect import task

from fairlead.model import StepName
from fairlead.run import Run
from fairlead.saving import clear_left_of, save, saves
from tasks.step import task_of


def backup_database(run: Run) -> None:
    """Where there is a database, and a migration is pending or nobody knows.

    Raises CannotSave, BackupFailed, BackupBroken, DatabaseUnreachable.
    """
    if run.settings.database is not None:
        _backup_database(run)


@task(**task_of("backup_database"))
def _backup_database(run: Run) -> None:
    environment = run.release.environment
    with run.step(StepName.BACKUP_DATABASE) as step:
        if why := saves(run.project.config, environment):
            step.skip(why)
        elif run.nothing_pending:
            clear_left_of(run.project, environment, step.say)
            step.skip("nothing is pending: no backup")
        else:
            made_by, release = run.release.requested_by, run.release
            backup = save(run.project, environment, made_by=made_by, say=step.say, release=release)
            step.detail = backup.words
