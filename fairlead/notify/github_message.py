"""What GitHub is told of a release; pure.

A deployment of GitHub's stands for a release of ours, a rollback for the deployment of what it goes
back to. https://docs.github.com/en/rest/deployments/statuses and
https://docs.github.com/en/rest/commits/statuses
"""

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict

from fairlead.github import Deployment, calls
from fairlead.github.calls import Call
from fairlead.model import Release, ReleaseKind, ReleaseState, StepName

# `failure`: the environment is as it was. `error`: it is not, and a person has to act.
STATES = {
    ReleaseState.RUNNING: "in_progress",
    ReleaseState.WAITING: "queued",
    ReleaseState.SUCCEEDED: "success",
    ReleaseState.UNCHANGED: "success",
    ReleaseState.REFUSED: "failure",
    ReleaseState.FAILED: "failure",
    ReleaseState.ROLLED_BACK: "failure",
    ReleaseState.ROLLBACK_FAILED: "error",
}
WORDS = {
    ReleaseState.RUNNING: "is running",
    ReleaseState.WAITING: "waits for approval",
    ReleaseState.SUCCEEDED: "succeeded",
    ReleaseState.UNCHANGED: "changed nothing: it runs there already",
    ReleaseState.REFUSED: "was refused, nothing was touched",
    ReleaseState.FAILED: "failed{at}",
    ReleaseState.ROLLED_BACK: "failed{at} and was put back",
    ReleaseState.ROLLBACK_FAILED: "failed{at} and was not put back: a person has to act",
}
GOOD = (ReleaseState.SUCCEEDED, ReleaseState.UNCHANGED)
# As GitHub takes `production` for one, if nothing else is said.
PRODUCTION = ("prod", "production", "live")


class _Kept(BaseModel):
    """In the outbox as JSON until it is told."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Place(_Kept):
    """Where a release is told of: the deployment that was created for `subject`. `deployment` is
    its id where GitHub created it and asked for the release."""

    project: str
    environment: str
    sha: str
    subject: str
    release: int | None = None
    deployment: int | None = None


class Standing(_Kept):
    """A release as it stands. `waiting`, it has not begun; `verifying`, nothing is touched yet;
    `settled` says that what could not be put back has been since; `step` is the one that failed.
    `environment_url` and `log_url` may be empty. `replaced` is what is active no more now."""

    place: Place
    kind: ReleaseKind
    state: ReleaseState
    release: int | None = None
    waiting: bool = False
    verifying: bool = False
    settled: bool = False
    step: StepName | None = None
    environment_url: str = ""
    log_url: str = ""
    replaced: tuple[Place, ...] = ()

    @property
    def deployment_state(self) -> str:
        if self.waiting or self.verifying:
            return "queued"
        return "failure" if self._put_back_by_now else STATES[self.state]

    @property
    def commit_state(self) -> str:
        here = self.deployment_state
        return "pending" if here in ("queued", "in_progress") else here

    @property
    def name(self) -> str:
        return f"{self.kind.capitalize()} {self.release or ''}".rstrip()

    @property
    def words(self) -> str:
        if self.waiting:
            return f"{self.name} waits until it may begin"
        if self.verifying:
            return f"{self.name} is being verified"
        if self._put_back_by_now:
            return f"{self.name} failed, and has been settled since"
        at = f" at {self.step}" if self.step else ""
        return f"{self.name} {WORDS[self.state].format(at=at)}"

    @property
    def _put_back_by_now(self) -> bool:
        return self.settled and self.state is ReleaseState.ROLLBACK_FAILED


def new_deployment(repository: str, place: Place) -> Call:
    return calls.create_deployment(
        repository,
        place.sha,
        place.environment,
        description=f"{place.project} to {place.environment}",
        payload={"fairlead": _mark(place)},
        production=place.environment in PRODUCTION,
    )


def deployment_of(found: Iterable[Deployment], place: Place) -> int | None:
    """The one that was created for the place; the oldest, should there be two."""
    return min((one.id for one in found if _is_marked(one, place)), default=None)


def _mark(place: Place) -> dict[str, Any]:
    """By this the deployment is found again."""
    return {"project": place.project, "subject": place.subject, "release": place.release}


def _is_marked(deployment: Deployment, place: Place) -> bool:
    payload = deployment.payload if isinstance(deployment.payload, dict) else {}
    ours = payload.get("fairlead")
    if not isinstance(ours, dict) or ours.get("project") != place.project:
        return False
    # It may be older than the release's number, and than the run that goes on once it is approved.
    same_release = place.release is not None and ours.get("release") == place.release
    return same_release or ours.get("subject") == place.subject


def deployment_status(repository: str, deployment: int, standing: Standing) -> Call:
    """A success makes GitHub mark older deployments inactive, but no production ones and none
    that are newer, as after a rollback: those are for `inactive`."""
    return calls.create_deployment_status(
        repository,
        deployment,
        standing.deployment_state,
        description=standing.words,
        environment=standing.place.environment,
        environment_url=standing.environment_url,
        log_url=standing.log_url,
        auto_inactive=standing.state in GOOD,
    )


def inactive(repository: str, deployment: int, standing: Standing) -> Call:
    """Of a deployment that `standing` has replaced."""
    return calls.create_deployment_status(
        repository,
        deployment,
        "inactive",
        description=f"{standing.name} replaced it",
        environment=standing.place.environment,
        log_url=standing.log_url,
    )


def commit_status(repository: str, standing: Standing) -> Call:
    return calls.create_commit_status(
        repository,
        standing.place.sha,
        standing.commit_state,
        context=f"fairlead/{standing.place.environment}",
        description=standing.words,
        target_url=standing.log_url,
    )


def replaced(release: Release, history: Iterable[Release]) -> list[Release]:
    """Those whose deployments are active no more once `release` is good: the one before it, and
    what was asked for since without a change. `history` is the environment's."""
    before = {
        one.origin: one
        for one in history
        if (release.replaces or 0) <= one.id < release.id
        and one.state in GOOD
        and one.origin != release.origin
    }
    return sorted(before.values(), key=lambda one: one.id)
