"""The shape of fairlead.toml: frozen models, unknown keys refused."""

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

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


SecretReference = Annotated[str, BeforeValidator(_secret_reference)]
EngineAddress = Annotated[str, BeforeValidator(_engine_address)]
SshAddress = Annotated[str, BeforeValidator(_ssh_address)]
FreezeWindow = Annotated[str, BeforeValidator(_freeze_window)]
TimeZone = Annotated[str, BeforeValidator(_time_zone)]
# A name becomes part of container names, host names and tags.
Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,30}$")]
UrlPath = Annotated[str, StringConstraints(pattern=r"^/")]
EnvName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")]
Seconds = Annotated[float, Field(gt=0, le=86_400)]
# As GitHub has them, in both kinds of letters: owner/name, and a login, that of an app among them.
Repository = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$")
]
Login = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,90}(\[bot\])?$")]
Port = Annotated[int, Field(ge=1, le=65_535)]


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
    domain: str | None = None


class Health(Model):
    """GET `path` answers `status` (and contains `body`) `passes` times in a row within `timeout` s.

    `host` is the Host header, the environment's domain where not given. A service without a port
    is healthy when its container has run for `passes` × `interval` seconds.
    """

    path: UrlPath = "/"
    host: str | None = None
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

    path: UrlPath
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
    """What brings the database to the release. `timeout` and `lock_timeout` are seconds."""

    service: Name | None = None
    preset: Literal["auto", "django-tenants", "django", "command", "none"] = "auto"
    commands: tuple[tuple[str, ...], ...] = ()
    manage: tuple[str, ...] = ("python", "manage.py")
    timeout: Seconds = 900
    lock_timeout: Seconds = 5


class Smoke(Model):
    """One request through the proxy from outside and what has to come back."""

    path: UrlPath = "/"
    domain: str | None = None
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


class Slack(Model):
    """Where to tell, and the reference of the bot's token. `api` is for tests and proxies."""

    channel: str
    token: SecretReference
    api: str = "https://slack.com/api/"


class Notify(Model):
    slack: Slack | None = None


def _host(value: Any) -> Any:
    return {"engine": value} if isinstance(value, str) else value


class Environment(Model):
    """Hosts, database, secrets and policy of one environment. `soak` is seconds.

    `freeze` are windows in which nothing is released, as policy.py reads them; going back is
    always possible. `aliases` are further domains with the same routes, `*.example.com` among
    them; a certificate for a wildcard cannot be had with `tls = "auto"`.
    """

    hosts: tuple[Annotated[Host, BeforeValidator(_host)], ...] = Field(min_length=1)
    batch: int = Field(default=1, ge=1)
    domain: str
    aliases: tuple[str, ...] = ()
    tls: Literal["auto", "internal", "off"] = "auto"
    http_port: Port = 80
    https_port: Port = 443
    bind: str = "0.0.0.0"  # noqa: S104 the proxy is what the world sees; a demo binds loopback
    networks: tuple[str, ...] = ()
    database: Database | None = None
    env: Mapping[EnvName, str] = {}
    secrets: Mapping[EnvName, SecretReference] = {}
    branch: str | None = None
    promotes_from: Name | None = None
    freeze: tuple[FreezeWindow, ...] = ()
    soak: float = Field(default=10, ge=0, le=86_400)
    notify: Notify = Notify()

    @property
    def url(self) -> str:
        """Where people find it."""
        scheme, port, usual = (
            ("http", self.http_port, 80) if self.tls == "off" else ("https", self.https_port, 443)
        )
        return f"{scheme}://{self.domain}{'' if port == usual else f':{port}'}/"


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
    """One project. `repository` is where its code is at GitHub, as owner/name; `lease_ttl` is after
    how many seconds without heartbeat a holder is dead; `time_zone` is that of the environments'
    freeze windows."""

    project: Name
    repository: Repository | None = None
    registry: Registry
    proxy: Proxy = Proxy()
    services: Mapping[Name, Service] = Field(min_length=1)
    migrations: Migrations = Migrations()
    smoke: tuple[Smoke, ...] = (Smoke(),)
    environments: Mapping[Name, Environment] = Field(min_length=1)
    dispatch: Dispatch | None = None
    lease_ttl: Seconds = 30
    time_zone: TimeZone = "UTC"

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
        """Everything as JSON, to be kept with a release; secrets are references.

        Who may start a release and where its code is are no part of it, and the code of before
        would not know the keys.
        """
        return self.model_dump(mode="json", exclude={"dispatch", "repository"})

    def digest(self, environment: str) -> str:
        """A SHA-256 of what decides how `environment` runs; changed policy does not change it."""
        whole = self.snapshot()
        here = whole["environments"][environment]
        policy = ("branch", "promotes_from", "freeze", "soak", "notify", "batch")
        relevant = {
            "registry": whole["registry"]["host"],
            "proxy": whole["proxy"],
            "services": whole["services"],
            "environment": {key: value for key, value in here.items() if key not in policy},
        }
        text = json.dumps(relevant, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
