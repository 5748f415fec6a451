"""Everything the release needs answers, before anything is touched."""

from datetime import UTC, datetime
from itertools import chain

from prefect import task

from fairlead.database.reach import check_database
from fairlead.engine.at_once import at_once
from fairlead.engine.site import Site
from fairlead.errors import Frozen
from fairlead.model import ReleaseKind, StepName
from fairlead.policy import frozen_until
from fairlead.run import Run, StepLog
from tasks.retries import RETRIED
from tasks.step import task_of


@task(**task_of("preflight"), **RETRIED)
def preflight(run: Run, *, when_frozen: str = "refuse") -> None:
    """No freeze window holds, the secrets are there, every host's engine answers, the database
    lets us in.

    Raises Frozen, SecretMissing, HostUnreachable, DatabaseUnreachable.
    """
    with run.step(StepName.PREFLIGHT) as step:
        overridden = _overridden(run, step, when_frozen)
        environment, database = run.release.environment, run.settings.database
        run.secrets = run.project.know_secrets(run.config, environment)
        run.sites = run.sites or run.project.sites(run.config, environment)
        step.say(f"hosts: {', '.join(site.host for site in run.sites)}")
        for name in chain.from_iterable(at_once(_ended_jobs, run.sites)):
            step.say(f"{name} was left running by a release that could not end it: it is ended")
        if database is not None:
            url = run.project.secrets.resolve(database.direct_url or database.url)
            step.say(check_database(environment, database, url))
        step.detail = f"{overridden}{len(run.sites)} host(s) answer"


def _ended_jobs(site: Site) -> list[str]:
    """Nothing may migrate beside us: who lost the way to a host could not end what runs there."""
    return site.end_jobs(but_previews=True)


def _overridden(run: Run, step: StepLog, when_frozen: str) -> str:
    """What the history has to say of a freeze window that somebody passed over. Going back is no
    release of something new, and never refused."""
    name = run.release.environment
    until = frozen_until(run.settings.freeze, run.config.time_zone, datetime.now(UTC))
    if until is None or run.release.kind is ReleaseKind.ROLLBACK:
        return ""
    if when_frozen == "refuse":
        raise Frozen(name, until)
    step.say(f"{name} is frozen until {until:%a %Y-%m-%d %H:%M %Z}: overridden")
    return f"overrode the freeze until {until:%a %H:%M}; "
