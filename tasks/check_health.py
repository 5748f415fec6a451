"""The environment is asked from outside, through the proxy, and watched for a while."""

import time

from prefect import task

from fairlead.engine.outside import check
from fairlead.errors import ContainerFailed
from fairlead.model import StepName
from fairlead.run import Run
from tasks.retries import RETRIED
from tasks.step import task_of


@task(**task_of("check_health"), **{**RETRIED, "retries": 2})
def check_health(run: Run) -> None:
    """Every smoke request on every host, again and again for `soak` seconds.

    Raises HealthCheckFailed, ContainerFailed.
    """
    with run.step(StepName.CHECK_HEALTH) as step:
        end = time.monotonic() + run.settings.soak
        rounds = 0
        while rounds == 0 or time.monotonic() < end:
            _round(run)
            rounds += 1
            time.sleep(max(0.0, min(1.0, end - time.monotonic())))
        answered, lost = run.probe.count if run.probe else (0, 0)
        step.detail = f"{rounds} rounds good; {answered} requests answered, {lost} lost"
        step.say(step.detail)


def _round(run: Run) -> None:
    for outside in run.outsides:
        for smoke in run.config.smoke:
            check(outside, smoke)
    for site in run.sites:
        if not site.runs(run.running_target):
            raise ContainerFailed("a container", site.host, "does not run any more", [])
