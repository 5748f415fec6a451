"""What runs where, since when, by whom; and who is changing what."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from fairlead.model import Placement
from fairlead.project import Project


@dataclass(frozen=True, slots=True)
class Status:
    """One environment as the store knows it; `now` is what goes on there, or has gone wrong."""

    environment: str
    sha: str | None
    release: int | None
    since: datetime | None
    requested_by: str | None
    hosts: Sequence[str]
    services: Sequence[Placement]
    now: str


def status(project: Project, when: Callable[[datetime | None], str]) -> list[Status]:
    """Every environment of the config; `when` is how moments are written."""
    return [_of(project, name, when) for name in project.config.environments]


def _of(project: Project, name: str, when: Callable[[datetime | None], str]) -> Status:
    store, project_name = project.store, project.config.project
    current = store.releases.current(project_name, name)
    placed = store.placements.all(project_name, name)
    return Status(
        environment=name,
        sha=current.sha if current else None,
        release=current.id if current else None,
        since=current.ended_at if current else None,
        requested_by=current.requested_by if current else None,
        hosts=sorted({placement.host for placement in placed}),
        services=placed,
        now=_now(project, name, when),
    )


def _now(project: Project, name: str, when: Callable[[datetime | None], str]) -> str:
    store, project_name = project.store, project.config.project
    lease = store.leases.get(project_name, name)
    unfinished = store.releases.unfinished(project_name, name)
    live = next(
        (held for held in store.leases.live(project_name) if held.environment == name), None
    )
    if live is not None:
        what = f"release {live.release} is running" if live.release else "being changed"
        return f"{what} ({live.holder})"
    if unfinished is not None:
        died = f", last heartbeat overdue since {when(lease.expires_at)}" if lease else ""
        return f"release {unfinished.id} was left unfinished{died}: fairlead settle {name}"
    broken = store.releases.not_put_back(project_name, name)
    if broken is not None:
        return f"release {broken.id} was not put back: fairlead settle {name}"
    waiting = store.releases.waiting(project_name, name)
    return (
        f"release {waiting[0].id} waits for approval: fairlead show {waiting[0].id}"
        if waiting
        else ""
    )
