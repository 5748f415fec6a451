"""The containers: the new ones beside the old, healthy, then the proxy switches."""

from collections.abc import Sequence

from prefect import task

from fairlead.engine.at_once import at_once
from fairlead.engine.outside import Probe
from fairlead.engine.site import Site
from fairlead.engine.sites import batches
from fairlead.model import StepName
from fairlead.recovery import kept
from fairlead.run import Run, StepLog
from tasks.step import task_of


@task(**task_of("deploy"))
def deploy(run: Run) -> None:
    """Batch after batch: start, wait until healthy, switch. The old containers go on running.

    Raises ContainerFailed, ProxyError, EngineError, HostUnreachable, LeaseLost.
    """
    with run.step(StepName.DEPLOY) as step:
        run.touched = True
        for line in at_once(lambda site: site.prepare(run.config), run.sites):
            step.say(line)
        if run.previous is not None:
            _end_standby(run, step)
            _look_from_outside(run)
        for batch in batches(run.sites, run.settings.batch):
            _cut_over(run, batch, step)
        if run.previous is None:
            _look_from_outside(run)  # before the switch there was nothing to see, no certificate
        step.detail = f"serving on {', '.join(site.host for site in run.sites)}"


def _end_standby(run: Run, step: StepLog) -> None:
    """There may be room for two versions at a time, and none for three."""
    replaced = run.store.releases.get(run.release.replaces) if run.release.replaces else None
    before = kept(run.project, replaced) if replaced else None
    if before is not None and before.origin != run.release.origin:
        at_once(lambda site: site.end_standby(before.origin, step.say), run.sites)


def _look_from_outside(run: Run) -> None:
    run.outsides = [run.project.outside(run.settings, site) for site in run.sites]
    run.probe = Probe(run.outsides, run.config.smoke[0].path if run.config.smoke else "/")
    run.probe.start()


def _cut_over(run: Run, batch: Sequence[Site], step: StepLog) -> None:
    target = run.running_target
    at_once(lambda site: site.start(target, step.say), batch)
    run.lease.guard()
    run.served = True
    step.detail = "requests were sent to it"
    at_once(lambda site: site.switch(target, step.say), batch)
