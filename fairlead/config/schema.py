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


def _cron(value: Any) -> Any:
    fields = str(value).split()
    if len(fields) != len(CRON) or not all(map(_of_cron, fields, CRON)):
        raise ValueError('should be five fields of cron, like "30 0 * * 1-5"')
    return value


def _of_cron(field: str, between: tuple[int, int]) -> bool:
    """Numbers, ranges of them, steps, lists of all that."""
    for part in field.split(","):
        found = re.fullmatch(r"(?:\*|(\d{1,2})(?:-(\d{1,2}))?)(?:/[1-9]\d?)?", part)
        numbers = [int(number) for number in found.groups() if number] if found else [-1]
        if numbers != sorted(numbers) or not all(
            between[0] <= number <= between[1] for number in numbers
        ):
            return False
    return True


CRON = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))


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
Cron = Annotated[str, BeforeValidator(_cron)]
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
    """The text under a key is what docs/reference/config.md says of it: make reference."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Registry(Model):
    """The OCI registry that images are pulled from."""

    host: str
    """`host` or `host:port`."""
    insecure: bool = False
    """Plain HTTP, over which no password is sent."""
    username: SecretReference | None = None
    """Without it and `password` nobody logs in."""
    password: SecretReference | None = None
    """The password of `username`, or a token."""
    ca: str | None = None
    """The file of the CA that signed its certificate, where the system does not know that."""

    @property
    def url(self) -> str:
        return f"{'http' if self.insecure else 'https'}://{self.host}"


class Proxy(Model):
    """Caddy, in two containers an environment and host: the proxy, and the router behind it."""

    image: str = "caddy:2"
    """The image of both containers."""


class Route(Model):
    """Which requests a service gets. The longest path wins, named domains before wildcards."""

    path: UrlPath = "/"
    """Requests for this path and all below it."""
    domain: HostName | None = None
    """Requests for this domain; the environment's `domain` and `aliases` where not given."""


class Health(Model):
    """When a container counts as healthy.

    A service without a port is healthy when its container has run for `passes` × `interval`
    seconds, and the HEALTHCHECK of its image, if there is one, says so.
    """

    path: UrlPath = "/"
    """What is asked with GET."""
    host: HostName | None = None
    """The Host header; the environment's `domain` where not given."""
    status: int = Field(default=200, ge=100, le=599)
    """What has to be answered."""
    body: str | None = None
    """What the answer has to contain."""
    passes: int = Field(default=2, ge=1, le=100)
    """How many times in a row that has to be so."""
    interval: Seconds = 0.3
    """Seconds between two tries."""
    timeout: Seconds = 60
    """Seconds that a new container gets to become healthy."""


class RenderedFile(Model):
    """A small file put into the container before it starts: give `content` or `template`."""

    path: FilePath
    """Where it is in the container."""
    content: str | None = None
    """Its text, with ${NAME} of the container's environment, ${FAIRLEAD_ENVIRONMENT},
    ${FAIRLEAD_SHA} and ${FAIRLEAD_DOMAIN}."""
    template: str | None = None
    """A file beside fairlead.toml that holds the text."""


class Service(Model):
    """One container of the project, or `replicas` of it on each host."""

    image: str
    """The repository in the registry. What is released is its tag `<environment>-<sha>`."""
    port: Port | None = None
    """Where it listens in its container. Without one it is a worker, which gets no requests."""
    routes: tuple[Route, ...] = ()
    """Which requests it gets."""
    health: Health = Health()
    """When it is healthy."""
    replicas: int = Field(default=1, ge=1, le=50)
    """How many containers of it run on each host."""
    env: Mapping[EnvName, str] = {}
    """Variables of its containers; those of the environment replace them."""
    secrets: tuple[EnvName, ...] = ()
    """Names of the environment's `secrets` that it gets as variables, DATABASE_URL among them."""
    files: tuple[RenderedFile, ...] = ()
    """Small files put into its containers."""
    volumes: tuple[Annotated[str, StringConstraints(pattern=r"^[^:]+:/[^:]*(:ro|:rw)?$")], ...] = ()
    """`name:/path`, a volume of this environment's own, or `/path:/path`, one of the host's;
    `:ro` at the end makes it read-only."""
    command: tuple[str, ...] | None = None
    """Instead of the image's own command."""
    stop_grace: Seconds = 30
    """Seconds between SIGTERM and SIGKILL."""
    drain: Seconds = 30
    """Seconds that requests which are under way get before SIGTERM."""
    depends_on: tuple[Name, ...] = ()
    """Services whose containers have to be healthy before its own are started."""


class Migrations(Model):
    """What brings the database to the release."""

    service: Name | None = None
    """Whose image migrates: the only service where there is one, else `backend`."""
    preset: Literal["auto", "django-tenants", "django", "command", "none"] = "auto"
    """Which commands: "auto" asks the image whether it has django-tenants, Django or neither;
    "command" runs `commands`."""
    commands: tuple[tuple[str, ...], ...] = ()
    """For the preset "command": each a list of words, run in this order, without a shell."""
    manage: tuple[str, ...] = ("python", "manage.py")
    """How Django's commands are begun."""
    timeout: Seconds = 900
    """Seconds for all commands together."""
    lock_timeout: Seconds = 5
    """Seconds that a statement waits for a lock."""
    tenants: Literal["fast", "stock"] = "fast"
    """How the tenants of a django-tenants project are migrated: in Fairlead's way, or by the
    project's own command ("stock"). What follows is for the fast way."""
    canary_tenants: tuple[str, ...] = ()
    """Tenants that are migrated before all others; if one fails no other one is begun."""
    parallel: int = Field(default=4, ge=1, le=64)
    """How many tenants are migrated at once."""
    max_failures: int = Field(default=10, ge=0)
    """How many tenants may fail before no other one is begun: 0 stops at the first, and those that
    are at work then end. A tenant that fails is as it was."""
    lock_attempts: int = Field(default=20, ge=1, le=1000)
    """How often a tenant is tried whose locks others hold."""
    may_shrink: Mapping[str, Annotated[float, Field(ge=0, le=1)]] = {}
    """Tables that are counted, and which share of their rows a migration may take away:
    `orders` in each schema that has one, or `public.orders`; 0.0 is none."""
    not_valid: tuple[str, ...] = ()
    """Names of constraints that are left NOT VALID on purpose."""


class Check(Model):
    """One SELECT that is asked after each migration; what it answers decides about the release. No
    value of the data reaches a message."""

    sql: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    """One SELECT."""
    expect: bool | int | float | str | None = None
    """The single value that it has to answer; without it, it has to answer no row."""
    name: str | None = None
    """What messages call it, instead of the SQL."""
    each_tenant: bool = False
    """Ask it in the schema of each tenant: every schema with a django_migrations of its own but
    public."""

    @property
    def label(self) -> str:
        return self.name or f"`{' '.join(self.sql.split())[:80]}`"


class Smoke(Model):
    """One request through the proxy from outside and what has to come back."""

    path: UrlPath = "/"
    """What is asked with GET."""
    domain: HostName | None = None
    """The domain that is asked; the environment's `domain` where not given."""
    status: int = Field(default=200, ge=100, le=599)
    """What has to be answered."""
    body: str | None = None
    """What the answer has to contain."""
    headers: Mapping[str, str] = {}
    """Headers that the answer has to have, with these values."""


class Host(Model):
    """One Docker engine. A host may also be written as its engine alone, a text."""

    engine: EngineAddress
    """unix:///var/run/docker.sock, or ssh://user@host."""
    address: str | None = None
    """Where its proxy is reached from Fairlead, as the world sees it; the host of `engine`, or
    127.0.0.1, where not given."""

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
    """The application's database."""

    url: SecretReference
    """What the containers get as DATABASE_URL."""
    direct_url: SecretReference | None = None
    """How Fairlead reaches the same database, where `url` has a name that only containers know. It
    has to name the same database."""
    via: SshAddress | None = None
    """The SSH host that it is reached through, where only that one may."""


class BackupSettings(Model):
    """How the database is saved before it is migrated, and where to."""

    kind: Literal["none", "dump", "template", "command"] = "dump"
    """By pg_dump, by a copy on the same server ("template": nobody may be connected), or by a
    program of yours ("command")."""
    place: BackupPlace | None = None
    """A folder, or s3://bucket/prefix; `backups` in Fairlead's own folder where not given."""
    endpoint: Annotated[str, StringConstraints(pattern=r"^https?://")] | None = None
    """Where the bucket is, if not at AWS."""
    region: str | None = None
    """The bucket's."""
    access_key: SecretReference | None = None
    """Of the bucket; without the two keys, boto3 looks where it always does."""
    secret_key: SecretReference | None = None
    """The other half of `access_key`."""
    command: tuple[str, ...] = ()
    """For the kind "command": what is run, as a list of words. The last line that it prints names
    the backup."""
    jobs: int = Field(default=2, ge=1, le=64)
    """How many connections pg_dump and pg_restore use."""
    drill: bool = False
    """Restore each backup into a scratch database, and compare."""
    programs: str | None = None
    """The folder of pg_dump and pg_restore, where they are not found."""
    keep: int = Field(default=5, ge=1, le=1000)
    """How many of the newest stay. One that was made before one of the `keep_releases` last
    releases stays too."""
    keep_days: int = Field(default=0, ge=0, le=3650)
    """What is younger than so many days stays as well."""
    timeout: Seconds = 3600
    """Seconds for all of it."""


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
    refresh.

    - "keep", "null"; "shuffle": the values stay and change places, NULL stays where it is.
    - hash: equal stays equal, in all columns of one meaning. The meanings email, phone, iban, card,
      uuid, ip, url and password make what looks like that; any other makes what fits the type.
    - fake: a word of a list, the same for the same value.
    - shift_days: up to so many days earlier or later, never none.
    - constant: also where it was NULL. sql: an expression of the row's columns.
    """

    key: SecretReference
    """What values are hashed with: with another one all are others."""
    parallel: int = Field(default=2, ge=1, le=64)
    """How many tables are masked at once."""
    rules: Annotated[
        Mapping[str, Annotated[MaskingRule, BeforeValidator(_rule)]], AfterValidator(_rule_names)
    ] = {}
    """By `"table.column"` in every schema, or `"schema.table.column"` in one."""


class CarriedRows(Model):
    """Rows of the environment's own that survive a refresh."""

    table: Annotated[str, StringConstraints(min_length=1)]
    """The table, in every schema that has it."""
    where: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)] = "true"
    """An SQL condition that holds for them."""


class RefreshSettings(Model):
    """Another environment's data, masked, in the place of this one's: each night, or by hand."""

    source: Name = Field(alias="from")
    """Whose data. It is only read."""
    read: Literal["database", "backup"] = "database"
    """What is read: its database, or its newest proven dump, and then the database only for its
    catalog and for samples."""
    url: SecretReference | None = None
    """A replica of it, or a role that may only read; the `database` of `from` where not given."""
    at: Cron = "0 0 * * *"
    """When, in the config's time zone."""
    jobs: int = Field(default=2, ge=1, le=64)
    """How many connections read, and how many write."""
    rate_mb: float = Field(default=0, ge=0, le=1_000_000)
    """How many megabytes (10**6 bytes) a second are read at most; 0 is as fast as it goes."""
    leave_out: tuple[str, ...] = ()
    """Tables whose rows are not taken, in every schema."""
    tenants: tuple[str, ...] = ()
    """Only these tenants' schemas, and the shared ones; empty, all."""
    carry: tuple[CarriedRows, ...] = ()
    """Rows of this environment's own that survive."""
    carry_tenants: tuple[str, ...] = ()
    """Tenants of this environment's own that survive whole."""
    restart: tuple[Name, ...] = ()
    """Services that are restarted after the swap, one container after the other; others are where
    they are not healthy by themselves."""
    keep_days: int = Field(default=7, ge=0, le=3650)
    """For how many days the database of before stays."""
    timeout: Seconds = 21_600
    """Seconds for all of it."""


class MigrationPolicy(Model):
    """What becomes of a release whose migrations are unsafe: it goes on and says so ("warn"), it
    waits for approval ("approve"), or it is refused before anything is touched.

    Unsafe is what the code that runs now cannot live with, whatever keeps others out of a table of
    more than `large_mb` (10**6 bytes) while it takes its time there, and what could not be tried.
    """

    unsafe: Literal["warn", "approve", "refuse"] = "warn"
    """The release goes on and says so, waits for approval, or is refused."""
    large_mb: float = Field(default=100, ge=0)
    """From how many megabytes (10**6 bytes) on a table is large."""

    @property
    def large(self) -> float:
        """In bytes."""
        return self.large_mb * 1e6


class Slack(Model):
    """One channel of Slack's."""

    channel: str
    """Its id, or its name with #. By its id, an answer that was lost can be looked up."""
    token: SecretReference
    """The bot's."""
    at_least: Literal["info", "warning", "error"] = "info"
    """What is told: everything; what failed, was refused or settled, or drifts; or what failed."""
    api: str = "https://slack.com/api/"
    """Where Slack's API is, for tests and proxies."""

    @property
    def destination(self) -> str:
        return f"slack:{self.channel}"


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, Mapping) else value or ()


class Notify(Model):
    """Who is told."""

    slack: Annotated[tuple[Slack, ...], BeforeValidator(_one_or_more)] = ()
    """One channel, or a list of them."""


def _host(value: Any) -> Any:
    return {"engine": value} if isinstance(value, str) else value


class Environment(Model):
    """Hosts, database, secrets and policy of one environment."""

    hosts: tuple[Annotated[Host, BeforeValidator(_host)], ...] = Field(min_length=1)
    """Where it runs: all services on each of them."""
    batch: int = Field(default=1, ge=1)
    """How many hosts are changed at once."""
    domain: HostName
    """The name that people call it by."""
    aliases: tuple[HostName, ...] = ()
    """Further domains with the same routes, `*.example.com` among them. A certificate for a
    wildcard cannot be had with `tls = "auto"`."""
    tls: Literal["auto", "internal", "off"] = "auto"
    """Certificates from a public authority, from the proxy's own, or plain HTTP."""
    http_port: Port = 80
    """The port of each host on which the proxy takes HTTP."""
    https_port: Port = 443
    """The same for HTTPS."""
    bind: str = "0.0.0.0"  # noqa: S104 the proxy is what the world sees; a demo binds loopback
    """The address of each host on which it takes both."""
    networks: tuple[str, ...] = ()
    """Docker networks that the containers join too, where a database is, for example."""
    database: Database | None = None
    """Its database, if it has one."""
    backup: BackupSettings = BackupSettings()
    """How the database is saved before each migration."""
    production: bool = False
    """No data of another environment ever comes into it."""
    refresh: RefreshSettings | None = None
    """Whose data, masked, comes in the place of its own."""
    migrations: MigrationPolicy = MigrationPolicy()
    """What becomes of a release whose migrations are unsafe."""
    env: Mapping[EnvName, str] = {}
    """Variables of all containers, in the place of those of the services."""
    secrets: Mapping[EnvName, SecretReference] = {}
    """Secrets by the name of the variable in which a service gets them."""
    branch: str | None = None
    """The branch of the repository that belongs to it: a finished workflow of it may start a
    release, and commits that wait are counted by it."""
    promotes_from: Name | None = None
    """The environment whose images it may take."""
    promote_after: Annotated[float, Field(gt=0, le=2_592_000)] | None = None
    """What has been well there for so many seconds is promoted by itself, once."""
    freeze: tuple[FreezeWindow, ...] = ()
    """Windows in which nothing is released, `fri 16:00 - mon 08:00` each week or
    `2026-12-18 16:00 - 2027-01-04 08:00` once. Going back is always possible."""
    require_checks: tuple[CheckName, ...] = ()
    """Names of GitHub's checks or commit statuses, each of which has to have passed for the very
    commit."""
    approval: Literal[False, True, "other"] = False
    """A verified release waits, before anything is touched, until somebody approves it; with
    "other" not who asked for it. Going back needs nobody's approval."""
    approval_timeout: float = Field(default=86_400, gt=0, le=2_592_000)
    """After so many seconds without an answer it is refused."""
    on_failure: Literal["code", "reverse", "restore"] = "code"
    """What goes back when a release fails after it has migrated: the code alone; with "reverse" the
    migrations too, where each of them can be reversed; with "restore" the database by its backup,
    where neither the new version has served a request nor anybody else written anything."""
    soak: float = Field(default=10, ge=0, le=86_400)
    """Seconds for which it is watched before it counts as good."""
    notify: Notify = Notify()
    """Who is told of its releases and of its drift."""

    @property
    def url(self) -> str:
        """Where people find it."""
        scheme, port, usual = (
            ("http", self.http_port, 80) if self.tls == "off" else ("https", self.https_port, 443)
        )
        return f"{scheme}://{self.domain}{'' if port == usual else f':{port}'}/"


class GitHub(Model):
    """Where the project's code is."""

    repository: Repository
    """owner/name."""
    token: SecretReference | None = None
    """What its API is asked with; `prefect:name` may be a GitHubCredentials block too."""
    tell: bool = True
    """With a token, whether GitHub is told of each release."""
    api: Annotated[str, StringConstraints(pattern=r"^https?://")] = "https://api.github.com"
    """Where its API is, for GitHub Enterprise and tests."""

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
    "production",
    "refresh",
)

NOT_OF_A_RELEASE = ("checks", "dispatch", "github", "keep_releases", "masking", "time_zone")


class Dispatch(Model):
    """What GitHub may start through `fairlead dispatch serve`."""

    secrets: tuple[SecretReference, ...] = Field(min_length=1, max_length=2)
    """Those of the webhook: two while it is changed from one to the other."""
    repositories: tuple[Repository, ...] = Field(min_length=1)
    """Whose deliveries count."""
    environments: tuple[Name, ...] = ()
    """What may be started."""
    actors: tuple[Login, ...] = ()
    """Who may start something; empty, whom GitHub lets."""
    workflows: tuple[str, ...] = ()
    """Names of those whose success on an environment's branch starts a release; empty, all."""
    body_limit: int = Field(default=1_048_576, ge=1024, le=26_214_400)
    """The largest delivery that is read, in bytes; GitHub's own limit is 25 MiB."""
    rate: int = Field(default=600, ge=1, le=1_000_000)
    """How many deliveries are taken in a minute, at once or one after the other."""


class Config(Model):
    """One project."""

    project: Name
    """Its name begins the names of its containers, networks and volumes."""
    github: GitHub | None = None
    """Where its code is."""
    registry: Registry
    """Where its images are."""
    proxy: Proxy = Proxy()
    """What stands before its containers."""
    services: Mapping[Name, Service] = Field(min_length=1)
    """By name."""
    migrations: Migrations = Migrations()
    """What brings its databases to a release."""
    smoke: tuple[Smoke, ...] = (Smoke(),)
    """Requests that have to be answered well, through the proxy, once a release serves."""
    checks: tuple[Check, ...] = ()
    """What has to be true of its data after each migration."""
    environments: Mapping[Name, Environment] = Field(min_length=1)
    """By name."""
    dispatch: Dispatch | None = None
    """What GitHub may start."""
    masking: Masking | None = None
    """What becomes of each column when data leaves production."""
    lease_ttl: Seconds = 30
    """After how many seconds without a heartbeat whoever changes an environment counts as dead."""
    time_zone: TimeZone = "UTC"
    """That of freeze windows and schedules."""
    keep_releases: int = Field(default=5, ge=1, le=1000)
    """Of how many releases of each environment `prune` leaves the images; what runs now is one."""

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
