"""The database is brought to the release, once, from the first host."""

from prefect import task

from fairlead.database.migrate import migrate as run_migrations
from fairlead.engine.at_once import at_once
from fairlead.model import StepName
from fairlead.run import Run
from tasks.step import STEP


@task(name="migrate", **STEP)
def migrate(run: Run) -> None:
    """Run the preset's commands; any exit code but 0 blocks what comes after. Never retried.

    Raises JobFailed.
    """
    with run.step(StepName.MIGRATE) as step:
        run.touched = True
        try:
            run.sites[0].have_network()
            run.applied = run_migrations(run.sites[0], run.running_target, step.say)
        except BaseException:
            if run.previous is None:
                at_once(lambda site: site.clear(step.say), run.sites)
            raise
        count = len(run.applied)
        step.detail = f"{count} applied: {', '.join(run.applied)}" if count else "nothing pending"
