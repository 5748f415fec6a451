"""A failed release has its migrations taken back, where the environment wants that."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import task

from fairlead.engine.at_once import at_once
from fairlead.errors import FairleadError, LeaseLost, RollbackFailed
from fairlead.model import ReleaseState, StepName
from fairlead.run import Run
from fairlead.undoing import undo
from tasks.step import task_of


@contextmanager
def database_put_back(run: Run) -> Iterator[None]:
    """Whatever ends these steps before their end, a signal too, has the database put back once the
    containers are."""
    try:
        yield
    except LeaseLost:
        raise
    except BaseException as failure:
        if run.migrated and run.settings.on_failure != "code" and _may_go_back(run):
            roll_back_database(run, failure)
        raise


def _may_go_back(run: Run) -> bool:
    """Not while the new version may serve, or where it was recorded."""
    return run.state not in (ReleaseState.SUCCEEDED, ReleaseState.ROLLBACK_FAILED)


@task(**task_of("roll_back_database"))
def roll_back_database(run: Run, failure: BaseException) -> None:
    """By reversing the migrations or by restoring the backup, as `on_failure` has it; where that
    cannot be done without losing anything, nothing is, and the step says why.

    Raises RollbackFailed with both errors, LeaseLost.
    """
    try:
        with run.step(StepName.ROLL_BACK_DATABASE) as step:
            undone = undo(run, step.say)
            step.detail = undone.words
            step.skipped = not undone.done
            run.put_back = "; ".join(filter(None, [run.put_back, run.redact(undone.words)]))
            if run.previous is None:
                at_once(lambda site: site.clear(step.say), run.sites)
    except LeaseLost:
        raise
    except FairleadError as error:
        run.state = ReleaseState.ROLLBACK_FAILED
        run.failure = RollbackFailed(run.release.environment, failure, error)
        raise run.failure from error
