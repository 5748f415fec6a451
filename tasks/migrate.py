"""The database is brought to the release, once, from the first host."""

from collections.abc import Sequence

from prefect import task

from fairlead.database.migrate import migrate as run_migrations
from fairlead.engine.at_once import at_once
from fairlead.model import StepName
from fairlead.run import Run
from tasks.step import task_of


@task(**task_of("migrate"))
def migrate(run: Run) -> None:
    """Run the preset's commands; any exit code but 0 blocks what comes after. Never retried.

    Raises JobFailed.
    """
    with run.step(StepName.MIGRATE) as step:
        run.touched = True
        try:
            run.sites[0].have_network()
            ran = run_migrations(run.sites[0], run.running_target, step.say, run.applied.append)
        except BaseException:
            step.detail = _what_was_begun(run.applied)
            if run.previous is None:
                at_once(lambda site: site.clear(step.say), run.sites)
            raise
        if ran:
            step.detail = _what_was_applied(run.applied)
        else:
            step.skip("there is nothing to run")


def _what_was_applied(names: Sequence[str]) -> str:
    return f"{len(names)} applied: {', '.join(names)}" if names else "nothing pending"


def _what_was_begun(names: Sequence[str]) -> str:
    return f"failed after it had begun {', '.join(names)}" if names else ""
