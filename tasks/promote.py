"""What has been well for long enough is started in the next environment."""

from datetime import UTC, datetime

from prefect import task
from prefect.deployments import run_deployment

from fairlead.model import Release, Request
from fairlead.project import Project
from fairlead.promotion import soaked
from fairlead.proving import checks_run
from tasks.step import task_of

TAG = "via:schedule"


@task(**task_of("promote"))
def promote(project: Project, target: str) -> str | None:
    """Start the target's release deployment with what has soaked; in a line, what was started.

    Raises HostUnreachable when its source cannot be looked at, GitHubError when the checks that
    the target requires cannot be.
    """
    release = soaked(project, target, datetime.now(UTC))
    if release is None or checks_run(project, project.config, Request(target, release.sha)):
        return None  # next time, perhaps
    key = f"{project.config.project}/{target}/promotion of {release.id}"
    run_deployment(
        f"release/{target}",
        parameters=parameters(project, target, release, key),
        timeout=0,
        idempotency_key=key,
        tags=[TAG],
        as_subflow=False,
    )
    return f"{release.sha[:7]} from {release.environment} to {target}"


def parameters(project: Project, target: str, release: Release, key: str) -> dict[str, str]:
    """Those of the release flow."""
    minutes = (project.config.environment(target).promote_after or 0) / 60
    return {
        "environment": target,
        "sha": release.sha,
        "source": release.environment,
        "reason": f"it has been well in {release.environment} for {minutes:g} minutes",
        "requested_by": "fairlead",
        "request_id": key,
    }
