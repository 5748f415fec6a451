"""The images are on every host, before anything depends on them."""

from prefect import task

from fairlead.engine.at_once import at_once
from fairlead.model import StepName
from fairlead.run import Run
from tasks.retries import RETRIED
from tasks.step import task_of


@task(**task_of("pull_images"), **RETRIED)
def pull_images(run: Run) -> None:
    """Pull by digest on all hosts at once. Raises ImageNotPulled."""
    with run.step(StepName.PULL_IMAGES) as step:
        images = list(run.images.values())
        pulled = sum(at_once(lambda site: site.pull(images), run.sites))
        step.detail = f"{pulled} pulled" if pulled else "all there"
