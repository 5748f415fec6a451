"""The shape of fairlead.toml: frozen models, unknown keys refused."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
)

from fairlead.errors import UnknownEnvironment, UnknownService
from fairlead.policy import parse_window


def _secret_reference(value: Any) -> Any:
    kinds = ("env:", "file:", "prefect:")
    if not isinstance(value, str) or not value.startswith(kinds) or value in kinds:
        # The value itself may be the secret: the message must not repeat it.
        raise ValueError(
            "should be env:NAME, file:path or prefect:block-name, not the secret itself"
        )
    return value


def _engine_address(value: Any) -> Any:
    if not isinstance(value, str) or not (value.startswith("unix:///") or _is_ssh(value)):
        raise ValueError("should be unix://… or ssh://user@host")
    return value


def _ssh_address(value: Any) -> Any:
    if not isinstance(value, str) or not _is_ssh(value):
        raise ValueError("should be ssh://user@host")
    return value


def _is_ssh(address: str) -> bool:
    try:
        parts = urlsplit(address)
        named = parts.hostname and parts.username and parts.port != 0
    except ValueError:  # brackets that are no IPv6 address, or a port that is no number
        return False
    return parts.scheme == "ssh" and bool(named)


def _freeze_window(value: Any) -> Any:
    parse_window(str(value))
    return value


def _time_zone(value: Any) -> Any:
    try:
        ZoneInfo(value)
    except (OSError, TypeError, ValueError, ZoneInfoNotFoundError):
        raise ValueError("should be a time zone like Europe/Berlin or UTC") from None
    return value


def _place(value: Any) -> Any:
    text = str(value)
    bucket = text.removeprefix("s3://") if text.startswith("s3://") else None
    named = bool(bucket and bucket.partition("/")[0])
    if not isinstance(value, str) or not (text.startswith("/") or named):
        raise ValueError("should be a folder (/var/backups) or s3://bucket/prefix")
    return value


SecretReference = Annotated[str, BeforeValidator(_secret_reference)]
EngineAddress = Annotated[str, BeforeValidator(_engine_address)]
SshAddress = Annotated[str, BeforeValidator(_ssh_address)]
FreezeWindow = Annotated[str, BeforeValidator(_freeze_window)]
BackupPlace = Annotated[str, BeforeValidator(_place)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
# A name becomes part of container names, host names and tags.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
# These two go into requests as they are: nothing in them may end a line.
UrlPath = Annotated[str, StringConstraints(pattern=r"^/[^\s\x00-\x1f\x7f]*$", max_length=2000)]
HostName = Annotated[str, StringConstraints(pattern=r"^[!-.0-~]+$", max_length=255)]
FilePath = Annotated[str, StringConstraints(pattern=r"^/[^\x00]*$")]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
# As GitHub has them, in both kinds of letters: owner/name, and a login, that of an app among them.
Repository = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$")
]
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,90}(\[bot\])?$")]
CheckName = Annotated[str, StringConstraints(min_length=1, max_length=255)]
Port = Annotated[int, Field(ge=1, le=65_535)]


def _rule(value: Any) -> Any:
    """`"keep"` or `{ hash = "email" }`, as the fields of a MaskingRule."""
    if isinstance(value, str) and value in WORDS:
        return {"way": value}
    if isinstance(value, Mapping) and len(value) == 1:
        ((way, argument),) = value.items()
        if way in ARGUMENTS and ARGUMENTS[way](argument):
            return {"way": way, "argument": argument}
    raise ValueError(
        'should be "keep", "null", "shuffle", "empty" (of a whole table), { hash = "email" }, '
        '{ fake = "name" }, { constant = "x" }, { shift_days = 30 } or { sql = "…" }'
    )


WORDS = ("keep", "null", "shuffle", "empty")
FAKES = ("name", "first_name", "last_name", "company", "street", "city", "address", "words")
ARGUMENTS: Mapping[str, Callable[[Any], bool]] = {
    "hash": lambda given: bool(re.fullmatch(r"[a-z][a-z0-9_]{0,39}", str(given))),
    "fake": lambda given: given in FAKES,
    "constant": lambda given: isinstance(given, str | int | float),
    "shift_days": lambda given: type(given) is int and 1 <= given <= 3650,
    "sql": lambda given: isinstance(given, str) and bool(given.strip()),
}
# A pattern covers columns that nobody has seen yet: it may only do what shows nothing of them.
OF_A_TABLE, OF_A_COLUMN = ("empty",), ("null", "hash", "fake", "constant")
LARGE_OBJECTS = "pg_largeobject.*"


def _rule_names(rules: Mapping[str, "MaskingRule"]) -> Mapping[str, "MaskingRule"]:
    for name, rule in rules.items():
        if name == LARGE_OBJECTS:
            fits, may = rule.way in ("keep", "empty"), '"keep" or "empty"'
        elif name.endswith(".*"):
            fits, may = rule.way in OF_A_TABLE, '"empty": it is for columns that come later too'
        elif name.startswith("*."):
            fits, may = rule.way in OF_A_COLUMN, "null, hash, fake or constant: nothing is kept"
        else:
            fits, may = rule.way != "empty" and "." in name, 'of "table.column", and "empty" of .*'
        if not fits:
            raise ValueError(f'the rule "{name}" has to be {may}')
    return rules


class Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Registry(Model):
    """The OCI registry; `insecure` is plain HTTP, which carries no password."""

    host: str
    insecure: bool = False
    username: SecretReference | None = None
    password: SecretReference | None = None
    ca: str | None = None

    @property
    def url(self) -> str:
        return f"{'http' if self.insecure else 'https'}://{self.host}"


class Proxy(Model):
    """Caddy, one container an environment and host."""

    image: str = "caddy:2"


class Route(Model):
    """Requests for `domain` (the environment's where not given) under the path prefix `path`."""

    path: UrlPath = "/"
    domain: HostName | None = None


class Health(Model):
    """GET `path` answers `status` (and contains `body`) `passes` times in a row within `timeout` s.

    `host` is the Host header, the environment's domain where not given. A service without a port
    is healthy when its container has run for `passes` × `interval` seconds.
    """

    path: UrlPath = "/"
    host: HostName | None = None
    status: int = Field(default=200, ge=100, le=599)
    body: str | None = None
    passes: int = Field(default=2, ge=1, le=100)
    interval: Seconds = 0.3
    timeout: Seconds = 60


class RenderedFile(Model):
    """A small file put into the container before it starts.

    `content` is a text with ${NAME} of the container's environment, ${FAIRLEAD_ENVIRONMENT},
    ${FAIRLEAD_SHA} and ${FAIRLEAD_DOMAIN}; `template` names a file beside fairlead.toml that
    holds it.
    """

    path: FilePath
    content: str | None = None
    template: str | None = None


class Service(Model):
    """One container of the project. `stop_grace` and `drain` are seconds."""

    image: str
    port: Port | None = None
    routes: tuple[Route, ...] = ()
    health: Health = Health()
    replicas: int = Field(default=1, ge=1, le=50)
    env: Mapping[EnvName, str] = {}
    secrets: tuple[EnvName, ...] = ()
    files: tuple[RenderedFile, ...] = ()
    volumes: tuple[Annotated[str, StringConstraints(pattern=r"^[^:]+:/[^:]*(:ro|:rw)?$")], ...] = ()
    command: tuple[str, ...] | None = None
    stop_grace: Seconds = 30
    drain: Seconds = 30
    depends_on: tuple[Name, ...] = ()


class Migrations(Model):
    """What brings the database to the release. `timeout` and `lock_timeout` are seconds.

    `may_shrink` says of tables which share of their rows a migration may take away: `orders` in
    each schema that has one, or `public.orders`; 0.0 is none. Constraints named in `not_valid` are
    left NOT VALID on purpose.

    `tenants` says how the tenants of a django-tenants project are migrated: "fast" is Fairlead's
    way, with `parallel` connections, `canary_tenants` before all others, and an end once more than
    `max_failures` have failed, which is looked at after each tenant: 0 stops at the first, and the
    `parallel` others that are at work then end. A tenant that fails is as it was; one whose locks
    others hold is tried `lock_attempts` times.
    "stock" is the project's own command.
    """

    service: Name | None = None
    preset: Literal["auto", "django-tenants", "django", "command", "none"] = "auto"
    commands: tuple[tuple[str, ...], ...] = ()
    manage: tuple[str, ...] = ("python", "manage.py")
    timeout: Seconds = 900
    lock_timeout: Seconds = 5
    tenants: Literal["fast", "stock"] = "fast"
    canary_tenants: tuple[str, ...] = ()
    parallel: int = Field(default=4, ge=1, le=64)
    max_failures: int = Field(default=10, ge=0)
    lock_attempts: int = Field(default=20, ge=1, le=1000)
    may_shrink: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = {}
    not_valid: tuple[str, ...] = ()


class Check(Model):
    """One SELECT whose answer has to be `expect`, a single value, or no row where that is not
    given; asked after each migration. With `each_tenant` it is asked in the schema of each tenant
    (every schema with a django_migrations of its own but public)."""

    sql: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    expect: bool | int | float | str | None = None
    name: str | None = None
    each_tenant: bool = False

    @property
    def label(self) -> str:
        return self.name or f"`{' '.join(self.sql.split())[:80]}`"


class Smoke(Model):
    """One request through the proxy from outside and what has to come back."""

    path: UrlPath = "/"
    domain: HostName | None = None
    status: int = Field(default=200, ge=100, le=599)
    body: str | None = None
    headers: Mapping[str, str] = {}


class Host(Model):
    """One Docker engine. `address` is where its proxy is reached from here, seen from outside."""

    engine: EngineAddress
    address: str | None = None

    @property
    def name(self) -> str:
        """The host's name in history and messages; one of its own for each engine."""
        where = urlsplit(self.engine)
        if where.scheme == "unix":
            return "local" if where.path == "/var/run/docker.sock" else where.path
        return where.netloc.rpartition("@")[2]

    @property
    def outside(self) -> str:
        return self.address or urlsplit(self.engine).hostname or "127.0.0.1"


class Database(Model):
    """The application's database.

    `url` is what the containers use; `direct_url` what Fairlead uses to reach the same database
    where `url` has a name that only containers know; `via` is the SSH host it is reachable from.
    """

    url: SecretReference
    direct_url: SecretReference | None = None
    via: SshAddress | None = None


class BackupSettings(Model):
    """How the database is saved before it is migrated, and where to.

    `kind` is `dump` (pg_dump, to `place`), `template` (CREATE DATABASE … TEMPLATE, beside it),
    `command` (a program whose last line names the backup) or `none`. `place` is a folder, or
    s3://bucket/prefix at `endpoint`; a folder of Fairlead's own where it is not given. `jobs` are
    parallel connections of pg_dump, `programs` the folder that it is in. With `drill` each backup
    is restored beside and compared. The `keep` newest stay, and what is younger than `keep_days`.
    `timeout` is seconds, for all of it.
    """

    kind: Literal["none", "dump", "template", "command"] = "dump"
    place: BackupPlace | None = None
    endpoint: Annotated[str, StringConstraints(pattern=r"^https?://")] | None = None
    region: str | None = None
    access_key: SecretReference | None = None
    secret_key: SecretReference | None = None
    command: tuple[str, ...] = ()
    jobs: int = Field(default=2, ge=1, le=64)
    drill: bool = False
    programs: str | None = None
    keep: int = Field(default=5, ge=1, le=1000)
    keep_days: int = Field(default=0, ge=0, le=3650)
    timeout: Seconds = 3600


class MaskingRule(Model):
    """What becomes of a column: `way` is keep, null, shuffle, empty, hash, fake, constant,
    shift_days or sql, and `argument` what that one says."""

    way: str
    argument: str | int | float | bool | None = None


class Masking(Model):
    """What becomes of each column when production's data leaves production.

    `rules` are by `"table.column"` in every schema, or `"schema.table.column"` in one;
    `"table.*" = "empty"` has all rows gone, `"*.column"` is of every table. A name with a dot, a
    star or a quotation mark in it is written as SQL quotes it. A column without a rule stops the
    refresh. `key` is what the values are hashed with: with another one all are others.

    - "keep", "null"; "shuffle": the values stay and change places, NULL stays where it is.
    - hash: equal stays equal, in all columns of one meaning. The meanings email, phone, iban, card,
      uuid, ip, url and password make what looks like that; any other makes what fits the type.
    - fake: a word of a list, the same for the same value.
    - shift_days: up to so many days earlier or later, never none.
    - constant: also where it was NULL. sql: an expression of the row's columns.
    """

    key: SecretReference
    parallel: int = Field(default=2, ge=1, le=64)
    rules: Annotated[
        Mapping[str, Annotated[MaskingRule, BeforeValidator(_rule)]], AfterValidator(_rule_names)
    ] = {}


class MigrationPolicy(Model):
    """What becomes of a release whose migrations are unsafe: it goes on and says so ("warn"), it
    waits for approval ("approve"), or it is refused before anything is touched.

    Unsafe is what the code that runs now cannot live with, whatever keeps others out of a table of
    more than `large_mb` (10**6 bytes) while it takes its time there, and what could not be tried.
    """

    unsafe: Literal["warn", "approve", "refuse"] = "warn"
    large_mb: float = Field(default=100, ge=0)

    @property
    def large(self) -> float:
        """In bytes."""
        return self.large_mb * 1e6


class Slack(Model):
    """Where to tell, and the reference of the bot's token. `at_least` says of what: everything,
    what was refused or settled and what failed, or what failed. `api` is for tests and proxies."""

    channel: str
    token: SecretReference
    at_least: Literal["info", "warning", "error"] = "info"
    api: str = "https://slack.com/api/"

    @property
    def destination(self) -> str:
        return f"slack:{self.channel}"


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, Mapping) else value or ()


class Notify(Model):
    """`slack` is one channel or a list of them."""

    slack: Annotated[tuple[Slack, ...], BeforeValidator(_one_or_more)] = ()


def _host(value: Any) -> Any:
    return {"engine": value} if isinstance(value, str) else value


class Environment(Model):
    """Hosts, database, secrets and policy of one environment. `soak` is seconds.

    `approval` has a release wait, once its build is verified and before anything is touched, until
    somebody approves it; with "other" that is not who asked for it. After `approval_timeout`
    seconds it is refused. Going back needs nobody's approval.

    `freeze` are windows in which nothing is released, as policy.py reads them; going back is
    always possible. `require_checks` are names of GitHub's checks or commit statuses, each of which
    has to have passed for the very commit. With `promote_after` what has been well in
    `promotes_from` for so many seconds is promoted by itself, once.

    `on_failure` says what goes back when a release fails after it has migrated: the "code" alone,
    which has to live with additive migrations; with "reverse" the database too, to exactly the
    migrations it had, where every one of them can be reversed; with "restore" by its backup, where
    neither the new version has served a request nor anybody else written anything.

    `aliases` are further domains with the same routes, `*.example.com` among them; a certificate
    for a wildcard cannot be had with `tls = "auto"`.
    """

    hosts: tuple[Annotated[Host, BeforeValidator(_host)], ...] = Field(min_length=1)
    batch: int = Field(default=1, ge=1)
    domain: HostName
    aliases: tuple[HostName, ...] = ()
    tls: Literal["auto", "internal", "off"] = "auto"
    http_port: Port = 80
    https_port: Port = 443
    bind: str = "0.0.0.0"  # noqa: S104 the proxy is what the world sees; a demo binds loopback
    networks: tuple[str, ...] = ()
    database: Database | None = None
    backup: BackupSettings = BackupSettings()
    migrations: MigrationPolicy = MigrationPolicy()
    env: Mapping[EnvName, str] = {}
    secrets: Mapping[EnvName, SecretReference] = {}
    branch: str | None = None
    promotes_from: Name | None = None
    promote_after: Annotated[float, Field(gt=0, le=2_592_000)] | None = None
    freeze: tuple[FreezeWindow, ...] = ()
    require_checks: tuple[CheckName, ...] = ()
    approval: Literal[False, True, "other"] = False
    approval_timeout: float = Field(default=86_400, gt=0, le=2_592_000)
    on_failure: Literal["code", "reverse", "restore"] = "code"
    soak: float = Field(default=10, ge=0, le=86_400)
    notify: Notify = Notify()

    @property
    def url(self) -> str:
        """Where people find it."""
        scheme, port, usual = (
            ("http", self.http_port, 80) if self.tls == "off" else ("https", self.https_port, 443)
        )
        return f"{scheme}://{self.domain}{'' if port == usual else f':{port}'}/"


class GitHub(Model):
    """Where the project's code is: `repository` as owner/name.

    `token` is what its API is asked with; `prefect:name` may be a GitHubCredentials block too.
    With one, GitHub is told of each release, unless `tell` is off. `api` is where it is, for GitHub
    Enterprise and tests.
    """

    repository: Repository
    token: SecretReference | None = None
    tell: bool = True
    api: Annotated[str, StringConstraints(pattern=r"^https?://")] = "https://api.github.com"

    @property
    def destination(self) -> str | None:
        """Where releases are told of, if they are."""
        return f"github:{self.repository}" if self.token and self.tell else None


# What of an environment says who may release when and how carefully, not what runs there.
POLICY = (
    "branch",
    "promotes_from",
    "promote_after",
    "freeze",
    "require_checks",
    "approval",
    "approval_timeout",
    "soak",
    "notify",
    "batch",
    "backup",
    "on_failure",
    "migrations",
)

NOT_OF_A_RELEASE = ("checks", "dispatch", "github", "keep_releases", "masking", "time_zone")


class Dispatch(Model):
    """What GitHub may start through `fairlead dispatch serve`.

    `secrets` are those of the webhook: two while it is changed from one to the other. `actors`
    and `workflows` (the names of those that build) leave nobody and nothing out where they are
    empty; `environments` lists what may be started. `body_limit` is in bytes, GitHub's own is
    25 MiB; `rate` is how many deliveries are taken in a minute, at once or one after the other.
    """

    secrets: tuple[SecretReference, ...] = Field(min_length=1, max_length=2)
    repositories: tuple[Repository, ...] = Field(min_length=1)
    environments: tuple[Name, ...] = ()
    actors: tuple[Login, ...] = ()
    workflows: tuple[str, ...] = ()
    body_limit: int = Field(default=1_048_576, ge=1024, le=26_214_400)
    rate: int = Field(default=600, ge=1, le=1_000_000)


class Config(Model):
    """One project. `lease_ttl` is after how many seconds without heartbeat a holder is dead;
    `time_zone` is that of the environments' freeze windows and of the schedules; `keep_releases` of
    how many releases of each environment, what runs now among them, `prune` leaves the images."""

    project: Name
    github: GitHub | None = None
    registry: Registry
    proxy: Proxy = Proxy()
    services: Mapping[Name, Service] = Field(min_length=1)
    migrations: Migrations = Migrations()
    smoke: tuple[Smoke, ...] = (Smoke(),)
    checks: tuple[Check, ...] = ()
    environments: Mapping[Name, Environment] = Field(min_length=1)
    dispatch: Dispatch | None = None
    masking: Masking | None = None
    lease_ttl: Seconds = 30
    time_zone: TimeZone = "UTC"
    keep_releases: int = Field(default=5, ge=1, le=1000)

    def environment(self, name: str) -> Environment:
        """Raises UnknownEnvironment."""
        if name not in self.environments:
            raise UnknownEnvironment(name, list(self.environments))
        return self.environments[name]

    def service(self, name: str) -> Service:
        """Raises UnknownService."""
        if name not in self.services:
            raise UnknownService(name, list(self.services))
        return self.services[name]

    def image_repository(self, service: str) -> str:
        return f"{self.registry.host}/{self.service(service).image}"

    @property
    def migration_service(self) -> str:
        """The service whose image migrates: the one named, else the only one, else `backend`."""
        if self.migrations.service:
            return self.migrations.service
        return next(iter(self.services)) if len(self.services) == 1 else "backend"

    def snapshot(self) -> dict[str, Any]:
        """What a release runs with as JSON, to be kept with it; secrets are references.

        Policy is no part of it: that of today holds for whatever is released or gone back to.
        """
        policy = {name: set(POLICY) for name in self.environments}
        others = dict.fromkeys(NOT_OF_A_RELEASE, True)
        return self.model_dump(mode="json", exclude={**others, "environments": policy})

    def recorded(self, snapshot: Mapping[str, Any]) -> "Config":
        """A release's config as `snapshot` has it, with today's policy. Raises ValidationError."""
        then = Config.model_validate(snapshot)
        kept = {name: self._with_policy(name, of) for name, of in then.environments.items()}
        today = {key: getattr(self, key) for key in NOT_OF_A_RELEASE}
        return then.model_copy(update={**today, "environments": kept})

    def _with_policy(self, name: str, then: Environment) -> Environment:
        now = self.environments.get(name, then)
        return then.model_copy(update={key: getattr(now, key) for key in POLICY})

    def digest(self, environment: str) -> str:
        """A SHA-256 of what decides how `environment` runs; changed policy does not change it."""
        whole = self.snapshot()
        here = whole["environments"][environment]
        relevant = {
            "registry": whole["registry"]["host"],
            "proxy": whole["proxy"],
            "services": whole["services"],
            "environment": here,
        }
        text = json.dumps(relevant, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
