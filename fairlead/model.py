"""The nouns of Fairlead: frozen, pure, known by every layer."""

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from fairlead.errors import BadSha

SHA = re.compile(r"[0-9a-f]{40}")


def parse_sha(text: str) -> str:
    """The commit SHA in `text`. Raises BadSha unless it is 40 lower-case hex digits."""
    if not SHA.fullmatch(text):
        raise BadSha(text)
    return text


class ReleaseState(StrEnum):
    """How far a release came. Every state but `running` is final."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"  # the environment ran exactly this already
    REFUSED = "refused"  # nothing was touched
    FAILED = "failed"  # no container was changed; the old version serves
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"


EXIT_CODES = {
    ReleaseState.SUCCEEDED: 0,
    ReleaseState.UNCHANGED: 0,
    ReleaseState.REFUSED: 3,
    ReleaseState.FAILED: 4,
    ReleaseState.ROLLED_BACK: 4,
    ReleaseState.ROLLBACK_FAILED: 5,
}


class ReleaseKind(StrEnum):
    RELEASE = "release"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"


class StepName(StrEnum):
    PREFLIGHT = "preflight"
    VERIFY_BUILD = "verify_build"
    PULL_IMAGES = "pull_images"
    MIGRATE = "migrate"
    DEPLOY = "deploy"
    CHECK_HEALTH = "check_health"
    RECORD = "record"
    MOVE_TAGS = "move_tags"
    RETIRE = "retire"
    NOTIFY = "notify"
    ROLL_BACK = "roll_back"
    SETTLE = "settle"


class StepOutcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class Image:
    """What a service runs: `tag` is where the digest was found, `digest` is what is used.

    `repository` includes the registry's host; `revision` is the OCI label
    org.opencontainers.image.revision, where the image has one
    (https://github.com/opencontainers/image-spec/blob/main/annotations.md).
    """

    service: str
    repository: str
    tag: str
    digest: str
    revision: str | None = None

    @property
    def reference(self) -> str:
        return f"{self.repository}@{self.digest}"


@dataclass(frozen=True, slots=True)
class Request:
    """What somebody asked for. `source` is the environment whose tag is taken when promoting;
    `id` names the request, so that the same one is never served twice."""

    environment: str
    sha: str
    kind: ReleaseKind = ReleaseKind.RELEASE
    source: str | None = None
    requested_by: str = ""
    requested_via: str = ""
    reason: str = ""
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """One row of the history. `replaces` is the release that ran there before; `origin` the one
    whose containers these are (a rollback starts those of the release it goes back to)."""

    id: int
    project: str
    environment: str
    sha: str
    kind: ReleaseKind
    state: ReleaseState
    source: str | None
    requested_by: str
    requested_via: str
    reason: str
    replaces: int | None
    origin: int
    request: str | None
    started_at: datetime
    ended_at: datetime | None
    error: str | None
    requests_answered: int | None
    requests_lost: int | None
    config_digest: str
    flow_run: str | None

    @property
    def seconds(self) -> float | None:
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


@dataclass(frozen=True, slots=True)
class Step:
    """One attempt at one step: `ended_at` and `outcome` are None while only the intent is known."""

    release: int
    name: StepName
    attempt: int
    started_at: datetime
    ended_at: datetime | None
    outcome: StepOutcome | None
    detail: str
    error: str | None
    log_tail: str


@dataclass(frozen=True, slots=True)
class Placement:
    """What is where: one service on one host, as the last successful release recorded it."""

    project: str
    environment: str
    host: str
    service: str
    release: int
    sha: str
    digest: str
    replicas: int
    since: datetime
    requested_by: str


class DeliveryState(StrEnum):
    """How far a delivery of GitHub's came. Every state but `waiting` is final."""

    WAITING = "waiting"
    STARTED = "started"
    REFUSED = "refused"  # Prefect will not have it, however often it is asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A release that GitHub asks for. `guid` is GitHub's name for the delivery, `subject` what its
    signed body names: nothing is started twice under another GUID, which is not signed."""

    guid: str
    event: str
    subject: str
    repository: str
    actor: str
    environment: str
    sha: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery(Wish):
    """A wish that is kept. `problem` is why it waits or was refused; `flow_run` what was started
    for it."""

    project: str
    received_at: datetime
    state: DeliveryState
    attempts: int
    flow_run: str | None
    problem: str | None
    settled_at: datetime | None

    @property
    def request(self) -> str:
        """Names the request and its flow run. Prefect knows such a key across deployments, and
        GitHub gives the deliveries of several webhooks one GUID."""
        return f"{self.project}/{self.environment}/{self.guid}"


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to change an environment. `fencing` grows with each holder."""

    environment: str
    fencing: int
    holder: str | None
    release: int | None
    acquired_at: datetime | None
    expires_at: datetime | None
