"""What has changed about how environments run is told: once a change, to Prefect and to people."""

from collections.abc import Sequence

from prefect import task
from prefect.events import emit_event

from fairlead.courier import deliver
from fairlead.model import DriftChanges, NotedDrift
from fairlead.project import Project
from fairlead.telling import drift_notice, tell_drift
from fairlead.watching import Look
from tasks.step import task_of


@task(**task_of("emit_events"))
def emit_events(project: Project, changes: Sequence[DriftChanges]) -> None:
    """`fairlead.drift.opened` and `fairlead.drift.gone`, about the environment, for automations."""
    for one in changes:
        for noted in one.new:
            _emit("fairlead.drift.opened", project.config.project, noted)
        for noted in one.gone:
            _emit("fairlead.drift.gone", project.config.project, noted)


def _emit(event: str, project: str, noted: NotedDrift) -> None:
    emit_event(
        event,
        resource={
            "prefect.resource.id": f"fairlead.environment.{project}.{noted.environment}",
            "prefect.resource.name": f"{project} {noted.environment}",
        },
        payload={
            "kind": noted.drift.kind.value,
            "host": noted.drift.host,
            "container": noted.drift.container,
            "words": noted.drift.words,
            "detail": noted.drift.detail,
            "opened_at": noted.opened_at.isoformat(),
        },
    )


@task(**task_of("tell"))
def tell(project: Project, looks: Sequence[Look], changes: Sequence[DriftChanges]) -> None:
    """One message for each environment in which something has changed, and whatever else waits to
    be told."""
    for look, one in zip(looks, changes, strict=True):
        url = project.config.environment(look.environment).url
        sha = look.current.sha if look.current else ""
        notice = drift_notice(project.config.project, url, sha, one)
        if notice is not None:
            tell_drift(project, notice)
    deliver(project, project.senders(*project.config.environments))
