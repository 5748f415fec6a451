"""What the migrations would do is looked at before anything is touched."""

from prefect import task

from fairlead.model import StepName
from fairlead.previewing import plan_release
from fairlead.run import Run
from tasks.retries import RETRIED
from tasks.step import task_of


@task(**task_of("plan_migrations"), **RETRIED)
def plan_migrations(run: Run) -> None:
    """What is pending is asked once, for all steps after it.

    Raises MigrationsUnsafe, PresetUnfit, JobFailed, DatabaseUnreachable, CannotSave, LinterMissing,
    ImageNotPulled.
    """
    with run.step(StepName.PLAN_MIGRATIONS) as step, run.clearing(step):
        plan_release(run, step)
