"""What runs: images and where they come from, containers, the proxy, what it has to answer."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, StringConstraints

from fairlead.config.kinds import (
    EnvName,
    FilePath,
    HostName,
    Model,
    Name,
    Port,
    Seconds,
    SecretReference,
    UrlPath,
)


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
    """The image of both containers; Caddy 2.7 or newer."""


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
    """Seconds that requests which are under way, and WebSockets, get before SIGTERM."""
    depends_on: tuple[Name, ...] = ()
    """Services whose containers have to be healthy before its own are started."""


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
