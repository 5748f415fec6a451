"""The data is whole, and what serves can live with it, before a container is changed."""

from prefect import task

from fairlead.model import StepName
from fairlead.run import Run
from fairlead.verifying import verify
from tasks.step import task_of


def check_data(run: Run) -> None:
    """Where something was migrated in a database that we can look into.

    Raises DataCheckFailed, DatabaseUnreachable.
    """
    if run.before is not None:
        _check_data(run)


@task(**task_of("check_data"))
def _check_data(run: Run) -> None:
    with run.step(StepName.CHECK_DATA) as step, run.clearing(step):
        verify(run, step)
