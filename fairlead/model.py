"""The nouns of Fairlead: frozen, pure, known by every layer."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from fairlead.errors import BadSha

SHA = re.compile(r"[0-9a-f]{40}")


def parse_sha(text: str) -> str:
    """The commit SHA in `text`. Raises BadSha unless it is 40 lower-case hex digits."""
    if not SHA.fullmatch(text):
        raise BadSha(text)
    return text


class ReleaseState(StrEnum):
    """How far a release came. Every state but `running` and `waiting` is final."""

    RUNNING = "running"
    WAITING = "waiting"  # verified, not begun: for somebody to approve it
    SUCCEEDED = "succeeded"
    UNCHANGED = "unchanged"  # the environment ran exactly this already
    REFUSED = "refused"  # nothing was touched
    FAILED = "failed"  # no container was changed; the old version serves
    ROLLED_BACK = "rolled_back"
    ROLLBACK_FAILED = "rollback_failed"


class RefreshState(StrEnum):
    """How far a refresh came. Every state but `running` is final, but for undoing it."""

    RUNNING = "running"
    REFRESHED = "refreshed"
    REFUSED = "refused"  # nothing was read
    FAILED = "failed"  # the environment has the data that it had
    NOT_PUT_BACK = "not_put_back"
    UNDONE = "undone"


# Of a release and of a refresh: a state that both have is one text.
EXIT_CODES: Mapping[str, int] = {
    ReleaseState.WAITING: 6,
    ReleaseState.SUCCEEDED: 0,
    ReleaseState.UNCHANGED: 0,
    RefreshState.REFRESHED: 0,
    ReleaseState.REFUSED: 3,
    ReleaseState.FAILED: 4,
    ReleaseState.ROLLED_BACK: 4,
    ReleaseState.ROLLBACK_FAILED: 5,
    RefreshState.NOT_PUT_BACK: 5,
}


class ReleaseKind(StrEnum):
    RELEASE = "release"
    PROMOTION = "promotion"
    ROLLBACK = "rollback"


class StepName(StrEnum):
    PREFLIGHT = "preflight"
    VERIFY_BUILD = "verify_build"
    PLAN_MIGRATIONS = "plan_migrations"
    APPROVE = "approve"
    PULL_IMAGES = "pull_images"
    BACKUP_DATABASE = "backup_database"
    MIGRATE = "migrate"
    CHECK_DATA = "check_data"
    DEPLOY = "deploy"
    CHECK_HEALTH = "check_health"
    RECORD = "record"
    MOVE_TAGS = "move_tags"
    RETIRE = "retire"
    NOTIFY = "notify"
    ROLL_BACK = "roll_back"
    ROLL_BACK_DATABASE = "roll_back_database"
    SETTLE = "settle"


class StepOutcome(StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"


class Timed:
    """What has begun, and ended unless it goes on."""

    __slots__ = ()
    started_at: datetime
    ended_at: datetime | None

    @property
    def seconds(self) -> float | None:
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


class Piece(Timed):
    """A step of a release or a phase of a refresh: `ended_at` and `outcome` are None while only the
    intent is known."""

    __slots__ = ()
    name: StrEnum
    outcome: StepOutcome | None
    detail: str
    error: str | None
    log_tail: str

    @property
    def title(self) -> str:
        return self.name

    @property
    def what(self) -> str:
        """What it did, or why it failed, in a line."""
        return self.detail or (self.error or "").partition("\n")[0]


@dataclass(frozen=True, slots=True)
class Image:
    """What a service runs: `tag` is where the digest was found, `digest` is what is used.

    `repository` includes the registry's host; `revision` is the OCI label
    org.opencontainers.image.revision, where the image has one
    (https://github.com/opencontainers/image-spec/blob/main/annotations.md); `built_at` is when it
    was made, as it says itself.
    """

    service: str
    repository: str
    tag: str
    digest: str
    revision: str | None = None
    built_at: datetime | None = None

    @property
    def reference(self) -> str:
        return f"{self.repository}@{self.digest}"


def digests(images: Iterable[Image]) -> dict[str, str]:
    """By service: where they are the same, the same runs."""
    return {image.service: image.digest for image in images}


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
class Release(Timed):
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
    def subject(self) -> str:
        """What its messages are about, before it has a number and after."""
        return self.request or self.flow_run or f"release {self.id}"


@dataclass(frozen=True, slots=True)
class Kept:
    """What ran before, kept to go back to: the release that made its containers. On `standby` those
    with a port go on running."""

    origin: int
    standby: bool


@dataclass(frozen=True, slots=True)
class Step(Piece):
    """One attempt at one step."""

    release: int
    name: StepName
    attempt: int
    started_at: datetime
    ended_at: datetime | None
    outcome: StepOutcome | None
    detail: str
    error: str | None
    log_tail: str

    @property
    def title(self) -> str:
        return self.name if self.attempt == 1 else f"{self.name} (try {self.attempt})"


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


class Decision(StrEnum):
    APPROVED = "approved"
    REFUSED = "refused"
    EXPIRED = "expired"  # nobody said anything in time


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a release waits, or has waited, for. `rule` is `anybody`, or `other` than who asked for
    the release; `parameters` are the flow's, to go on with; `suspended` is the run of Prefect's
    that waits, None where none does."""

    release: int
    rule: str
    asked_at: datetime
    expires_at: datetime
    parameters: Mapping[str, Any]
    suspended: str | None
    decision: Decision | None
    decided_by: str | None
    decided_via: str | None
    reason: str
    decided_at: datetime | None


class MessageKind(StrEnum):
    STATE = "state"  # how its subject is now: shown in the place of the one before
    DETAIL = "detail"  # said once, beside the state


class MessageOutcome(StrEnum):
    SENT = "sent"
    SUPERSEDED = "superseded"  # a newer state was written before this one was sent
    GIVEN_UP = "given_up"


@dataclass(frozen=True, slots=True)
class Message:
    """Something to tell. `destination` is a system and a place there, like `slack:#releases`;
    `subject` what it tells of: of one subject a destination shows one state, and the `final` one
    is the last. `body` is what is sent there, as JSON."""

    destination: str
    subject: str
    kind: MessageKind
    body: Mapping[str, Any]
    final: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """A message that is kept until it has arrived. `attempts` are those begun; `uncertain` is true
    when one of them, or of an older state in whose place it is, may have arrived; `reference` is
    what the destination calls the message that it shows of the subject."""

    id: int
    message: Message
    written_at: datetime
    attempts: int
    uncertain: bool
    problem: str | None
    outcome: MessageOutcome | None
    ended_at: datetime | None
    reference: str | None


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


class BackupKind(StrEnum):
    DUMP = "dump"
    TEMPLATE = "template"  # a database beside it
    COMMAND = "command"  # made and kept by somebody else's program


class BackupState(StrEnum):
    """How far a backup came. Only a `proven` one counts."""

    RUNNING = "running"
    PROVEN = "proven"
    FAILED = "failed"
    REMOVED = "removed"  # was proven, and its time was over


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup(Timed):
    """One saving of a database. `place` is where it is: a folder, an s3:// URL, the name of a
    database, or what a command said; `database` is what was saved, `system` the identifier of its
    server; `database_bytes` its size then, `bytes` that of the backup. `manifest` is the SHA-256 of
    a dump's list of files. `release` is whose migrations it was made before; `written` how much had
    been written to it by then, as database/written.py has it."""

    id: int
    project: str
    environment: str
    release: int | None
    kind: BackupKind
    state: BackupState
    place: str
    database: str
    system: str
    server: str
    database_bytes: int
    bytes: int | None
    manifest: str | None
    made_by: str
    started_at: datetime
    ended_at: datetime | None
    proven_at: datetime | None
    drilled_at: datetime | None
    removed_at: datetime | None
    error: str | None
    written: Mapping[str, Any] | None = None

    @property
    def stamp(self) -> str:
        """When it was begun, for names."""
        return f"{self.started_at.astimezone(UTC):%Y%m%dT%H%M%S}"

    @property
    def words(self) -> str:
        """`backup 7: dump of shop, 206.0 MB, restored and compared, at /var/backups/…`"""
        parts = [f"backup {self.id}: {self.kind} of {self.database}"]
        parts += [size(self.bytes)] if self.bytes is not None else []
        parts += ["restored and compared"] if self.drilled_at else []
        return f"{', '.join(parts)}, at {self.place}"


def size(count: int) -> str:
    """As people say it: 0 B, 1.5 MB."""
    amount, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


def duration(seconds: float | None) -> str:
    """`4.2 s`, `3 min 05 s`, `2 h 07 min`; nothing where nobody knows."""
    if seconds is None:
        return ""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


class PhaseName(StrEnum):
    """What a refresh does, in this order."""

    LOOK = "look"
    DUMP = "dump"
    RESTORE = "restore"
    MASK = "mask"
    BUILD_KEYS = "build_keys"
    PROVE = "prove"
    MIGRATE = "migrate"
    CARRY = "carry"
    CHECK_DATA = "check_data"
    REHEARSE = "rehearse"
    SWAP = "swap"
    CHECK_HEALTH = "check_health"
    PUT_BACK = "put_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refresh(Timed):
    """One refresh of an environment with the data of `source`. `release` is what was deployed
    meanwhile, by whose code the data was migrated; `backup` the one that was read, if one was.

    `database` is the environment's, beside which `made` is filled; then `made` gets its name, and
    what it was before is called `kept`, until it is removed. `figures` are what was counted, by the
    names that fairlead/report/refresh.py shows.
    """

    id: int
    project: str
    environment: str
    source: str
    reads: str
    backup: int | None
    release: int | None
    state: RefreshState
    database: str
    made: str
    kept: str
    requested_by: str
    requested_via: str
    request: str | None
    flow_run: str | None
    started_at: datetime
    ended_at: datetime | None
    undoing_at: datetime | None
    undone_at: datetime | None
    undone_by: str | None
    kept_removed_at: datetime | None
    error: str | None
    figures: Mapping[str, Any]

    @property
    def session(self) -> str:
        """What servers call our sessions of it; another store's have another name."""
        return f"fairlead refresh {self.started_at.astimezone(UTC):%Y%m%dT%H%M%S} {self.id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Piece):
    """One phase of a refresh."""

    refresh: int
    name: PhaseName
    started_at: datetime
    ended_at: datetime | None
    outcome: StepOutcome | None
    detail: str
    error: str | None
    log_tail: str


@dataclass(frozen=True, slots=True)
class KeptPreview:
    """What the migrations of a release would do: `digest` names the work, `pending` says how many
    there are, `body` is the preview as JSON."""

    release: int
    digest: str
    pending: str
    body: Mapping[str, Any]


class DriftKind(StrEnum):
    """How what runs differs from what is recorded."""

    GONE = "gone"
    STOPPED = "stopped"
    OTHER_DIGEST = "other_digest"
    UNHEALTHY = "unhealthy"
    UNKNOWN = "unknown"  # of no release that runs or is kept
    NOT_AT_REST = "not_at_rest"  # only kept to go back to, and runs
    PROXY_AWAY = "proxy_away"
    MISROUTED = "misrouted"
    HOST_AWAY = "host_away"
    UNSETTLED = "unsettled"  # a release was left half-done
    AHEAD = "ahead"  # the environment this one promotes from runs other commits: no fault


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. `host` and `container` are empty where it is about none.

    It stays the same one as long as its `words` are the same; `detail` may be another each time
    somebody looks.
    """

    kind: DriftKind
    host: str
    container: str
    words: str
    detail: str = ""

    @property
    def is_fault(self) -> bool:
        return self.kind is not DriftKind.AHEAD

    @property
    def line(self) -> str:
        where = f"{self.host}: " if self.host else ""
        return f"{where}{self.words}" + (f" ({self.detail})" if self.detail else "")


@dataclass(frozen=True, slots=True)
class NotedDrift:
    """A drift as the store keeps it, since it was first seen."""

    environment: str
    drift: Drift
    opened_at: datetime


@dataclass(frozen=True, slots=True)
class DriftChanges:
    """What is new in an environment since somebody looked before, what is there no more, and all
    that is `open` now, the oldest first."""

    environment: str
    new: Sequence[NotedDrift] = ()
    gone: Sequence[NotedDrift] = ()
    open: Sequence[NotedDrift] = ()


@dataclass(frozen=True, slots=True)
class AppliedBefore:
    """What `schemas` had before a release migrated them: exactly `migrations`, by Django's app
    label and name. `shared` says that it is the shared schema, or the one database of a project
    without tenants, whose schema has no name here; `faked` are those that the release only writes
    the row of, because their tables are there (`migrate --fake-initial`)."""

    shared: bool
    schemas: Sequence[str]
    migrations: Sequence[Sequence[str]]
    faked: Sequence[Sequence[str]] = ()


@dataclass(frozen=True, slots=True)
class TenantMigration:
    """The last that was told of one tenant: `state` is "done", "failed", or "retried" where the run
    ended before it was tried again. `seconds` are those of the last of `attempts`; `at` is the
    migration that failed."""

    tenant: str
    state: str
    seconds: float
    attempts: int
    at: str = ""
    error: str = ""


@dataclass(frozen=True, slots=True)
class Spread:
    """How long something took, in seconds: how often, together, for half of them at most, and for
    nine of ten. The last two are None where it never was."""

    count: int
    total: float
    median: float | None
    ninetieth: float | None


NO_SPREAD = Spread(0, 0.0, None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What was brought to an environment in the last `days`, after DORA's definitions
    (https://dora.dev/guides/dora-metrics/), for the deployments that Fairlead makes:

    - a change is what DORA calls a deployment: a release or promotion that put new containers
      before people, or was put back on the way. Rollbacks are none; what was refused, was there
      already, or failed before a container was changed is none either.
    - `changes` of them over the days are the deployment frequency.
    - `lead` is the change lead time: from the commit to where it serves. Where nobody knows when
      the commit was made it begins with the image, and else with the first time that somebody
      asked for its release anywhere; `lead_known_from` counts which ("commit", "image", "store").
      Of several commits that come with one release only the last is seen.
    - `failed` of `changes` are the change fail rate: those put back by themselves, those that could
      not be, and those gone back from by hand. What was mended by another release is not seen.
    - `restore` is the failed deployment recovery time; `not_restored` have not recovered yet.

    `migration` is what the step `migrate` took where it had something to do. `last_at` is when the
    last change came to serve.
    """

    environment: str
    days: int
    changes: int = 0
    failed: int = 0
    not_restored: int = 0
    last_at: datetime | None = None
    lead: Spread = NO_SPREAD
    lead_known_from: Mapping[str, int] = field(default_factory=dict)
    restore: Spread = NO_SPREAD
    migration: Spread = NO_SPREAD

    @property
    def a_day(self) -> float:
        return self.changes / self.days

    @property
    def failure_ratio(self) -> float | None:
        """None where nothing was changed."""
        return self.failed / self.changes if self.changes else None


@dataclass(frozen=True, slots=True)
class ChangesOfADay:
    """In UTC."""

    environment: str
    day: date
    good: int
    failed: int
