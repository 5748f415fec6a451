"""Going back by hand: to the release before, or to any recorded SHA, with its own config."""

from collections.abc import Sequence
from dataclasses import dataclass

from fairlead.engine.target import Target
from fairlead.errors import NothingToGoBackTo
from fairlead.model import Release, ReleaseKind, Request, StepName, parse_sha
from fairlead.project import Project


@dataclass(frozen=True, slots=True)
class WayBack:
    """`current` is what runs now, `to` the release to go back to; `migrated` what the releases
    since then applied to the database, which stays."""

    current: Release
    to: Release
    target: Target
    migrated: Sequence[str]

    @property
    def stays(self) -> str:
        if not self.migrated:
            return "no migration was applied since"
        return f"the database keeps what was applied since: {'; '.join(self.migrated)}"

    def request(
        self, *, requested_by: str, requested_via: str, reason: str, id: str | None
    ) -> Request:
        return Request(
            environment=self.to.environment,
            sha=self.to.sha,
            kind=ReleaseKind.ROLLBACK,
            requested_by=requested_by,
            requested_via=requested_via,
            reason=reason,
            id=id,
        )


def way_back(project: Project, environment: str, sha: str) -> WayBack:
    """Raises UnknownEnvironment, BadSha, NothingToGoBackTo."""
    project.config.environment(environment)
    releases, name = project.store.releases, project.config.project
    current = releases.current(name, environment)
    if current is None:
        raise NothingToGoBackTo(environment, "nothing was ever released there")
    to = _named(project, environment, sha) if sha else _before(project, current)
    if to.origin == current.origin:
        raise NothingToGoBackTo(environment, f"{to.sha[:7]} is what runs there now")
    migrated = project.store.steps.details(name, environment, StepName.MIGRATE, after=to.origin)
    return WayBack(current, to, project.target_of(to), migrated)


def _named(project: Project, environment: str, sha: str) -> Release:
    found = project.store.releases.last_of(project.config.project, environment, parse_sha(sha))
    if found is None:
        raise NothingToGoBackTo(environment, f"{sha} was never released there with success")
    return found


def _before(project: Project, current: Release) -> Release:
    before = project.store.releases.get(current.replaces) if current.replaces else None
    if before is None:
        raise NothingToGoBackTo(current.environment, f"{current.sha[:7]} is the first one there")
    return before
