"""Settling by itself what dead processes left, so that no environment waits half-released for the
next release."""

from dataclasses import dataclass

from fairlead.database.backup.fetched import has_fetched
from fairlead.engine.at_once import at_once
from fairlead.engine.site import Site
from fairlead.errors import FairleadError, LeaseHeld
from fairlead.lease import hold
from fairlead.project import Project
from fairlead.recovery import settle, unsettled
from fairlead.refresh.left import settle_left


@dataclass(frozen=True, slots=True)
class Settled:
    """`done` is what was done, `problem` why nothing could be; one of them is empty."""

    environment: str
    done: str = ""
    problem: str = ""

    @property
    def line(self) -> str:
        return f"{self.environment}: {self.done or self.problem.partition(chr(10))[0]}"


def settle_dead(project: Project) -> list[Settled]:
    """Settle every environment whose release nobody is making any more. What cannot be settled is
    told in the list, never raised."""
    found = (_settled(project, environment) for environment in project.config.environments)
    return [settled for settled in found if settled is not None]


def _settled(project: Project, environment: str) -> Settled | None:
    name, ttl = project.config.project, project.config.lease_ttl
    if not _is_left(project, environment):
        return None
    try:
        with hold(project.store, name, environment, ttl=ttl) as lease:
            # Each try is a row of the history: of a host that is away for a week, none is made.
            at_once(Site.close, project.sites(project.config, environment))
            found = (settle(project, environment, lease), settle_left(project, environment, lease))
            done = "; ".join(filter(None, found))
    except LeaseHeld:
        return None  # a release is being made: it settles what is left
    except FairleadError as error:
        return Settled(environment, problem=project.redact(str(error)))
    return Settled(environment, done) if done else None


def _is_left(project: Project, environment: str) -> bool:
    name = project.config.project
    return (
        unsettled(project, environment) is not None
        or project.store.refreshes.running(name, environment) is not None
        or has_fetched(name, environment)
    )
