"""Where it runs, and who may change that and how carefully."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field

from fairlead.config.database import BackupSettings, Database
from fairlead.config.kinds import (
    CheckName,
    EngineAddress,
    EnvName,
    FreezeWindow,
    HostName,
    Model,
    Name,
    Port,
    SecretReference,
)
from fairlead.config.migrations import MigrationPolicy
from fairlead.config.refresh import RefreshSettings


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
    standby: bool = False
    """What ran before goes on running, asked by nobody, until the next release: going back is a
    switch then, and costs the memory of a second version. Services without a port are stopped."""
    notify: Notify = Notify()
    """Who is told of its releases and of its drift."""

    @property
    def url(self) -> str:
        """Where people find it."""
        scheme, port, usual = (
            ("http", self.http_port, 80) if self.tls == "off" else ("https", self.https_port, 443)
        )
        return f"{scheme}://{self.domain}{'' if port == usual else f':{port}'}/"


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
    "standby",
    "notify",
    "batch",
    "backup",
    "on_failure",
    "migrations",
    "production",
    "refresh",
)
