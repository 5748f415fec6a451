"""What runs where is written down, and what ran before is put to rest."""

from prefect import task

from fairlead.engine.at_once import at_once
from fairlead.model import Kept, ReleaseState, StepName
from fairlead.proving import move_tags as retag
from fairlead.recovery import kept, placements
from fairlead.run import Run
from tasks.retries import RETRIED
from tasks.step import task_of


@task(**task_of("record"))
def record(run: Run) -> None:
    """The deployed SHA and digests, in the transaction that ends the release."""
    with run.step(StepName.RECORD) as step:
        if run.probe is not None:
            run.probe.stop()
        run.store.placements.record(
            run.release.id,
            placements(run.release, run.running_target, run.sites),
            run.probe.count if run.probe else None,
        )
        run.state = ReleaseState.SUCCEEDED
        step.detail = f"{run.release.environment} is at {run.release.sha[:7]}"


@task(**task_of("move_tags"), **RETRIED)
def move_tags(run: Run) -> None:
    """`<env>-latest` moves to what runs now, and a promoted digest gets its `<env>-<sha>`.

    Raises RegistryError.
    """
    with run.step(StepName.MOVE_TAGS) as step:
        retag(run.project, run.config, run.release)
        step.detail = f"{run.release.environment}-latest"


@task(**task_of("retire"))
def retire(run: Run) -> None:
    """Drain and stop the old containers; the last ones are kept to go back to, on standby where the
    environment wants it."""
    with run.step(StepName.RETIRE) as step:
        keep = kept(run.project, run.release)
        at_once(lambda site: site.retire(run.release.origin, keep, step.say), run.sites)
        step.detail = _how_kept(keep)


def _how_kept(keep: Kept | None) -> str:
    if keep is None:
        return "nothing ran before"
    goes_on = ", and goes on running" if keep.standby else ""
    return f"release {keep.origin} is kept to go back to{goes_on}"
