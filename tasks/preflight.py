"""Everything the release needs answers, before anything is touched."""

from prefect import task

from fairlead.database.reach import check_database
from fairlead.model import StepName
from fairlead.run import Run
from tasks.retries import RETRIED
from tasks.step import task_of


@task(**task_of("preflight"), **RETRIED)
def preflight(run: Run) -> None:
    """The secrets are there, every host's engine answers, the database lets us in.

    Raises SecretMissing, HostUnreachable, DatabaseUnreachable.
    """
    with run.step(StepName.PREFLIGHT) as step:
        environment, database = run.release.environment, run.settings.database
        run.secrets = run.project.know_secrets(run.config, environment)
        run.sites = run.sites or run.project.sites(run.config, environment)
        step.say(f"hosts: {', '.join(site.host for site in run.sites)}")
        if database is not None:
            url = run.project.secrets.resolve(database.direct_url or database.url)
            step.say(check_database(environment, database, url))
        step.detail = f"{len(run.sites)} host(s) answer"
