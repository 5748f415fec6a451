"""What stands before an environment's containers on one host: the proxy, and the router behind it.

routing.py says which of them is told what, and why there are two.
"""

import io
import re
import tarfile
from typing import Any

import docker
from docker.errors import DockerException

from fairlead.config import Config
from fairlead.engine.at_once import at_once
from fairlead.engine.caddy import Caddy
from fairlead.engine.connect import NotFound, engine_errors, reason
from fairlead.engine.dial import Answer
from fairlead.engine.routing import (
    dials,
    nothing,
    proxy_apps,
    proxy_container,
    router_apps,
    router_container,
    routes,
)
from fairlead.engine.target import Target
from fairlead.errors import ImageNotPulled, ProxyError

ESTABLISHED = "01"  # of /proc/net/tcp, see proc(5)
_ORIGIN = re.compile(r"-(\d+)-\d+:\d+$")


class ProxyOnHost:
    """The proxy and the router of one environment on one host; `host` is its name in messages."""

    def __init__(
        self, client: docker.DockerClient, prefix: str, environment: str, host: str
    ) -> None:
        self._client = client
        self._prefix = prefix
        self._environment = environment
        self._host = host
        self._proxy = Caddy(client, f"{prefix}-proxy", "proxy", host)
        self._router = Caddy(client, f"{prefix}-router", "router", host)

    def ensure(self, config: Config) -> str:
        """Have both run as `config` says; what was done. The routes stay as they are."""
        name = self._environment
        self._have_image(config.proxy.image)
        front = proxy_apps(config, name)
        wanted = (
            (self._proxy, proxy_container(config, name), front),
            (self._router, router_container(config, name), router_apps(nothing())),
        )
        done = at_once(lambda one: one[0].ensure(one[1], one[2]), wanted)
        if self._proxy.apps() != front:
            self._proxy.load(front)
            done.append("the proxy has other domains now")
        return "; ".join(done)

    def route_to(self, target: Target) -> None:
        """Serve by the target's routes from now on, all at once. Raises ProxyError."""
        self._router.load(router_apps(routes(target)))

    def serving(self) -> set[int]:
        """The releases whose containers get requests now. Raises ProxyError."""
        if not self._proxy.is_running():
            raise ProxyError("proxy", self._host, "serve", "its container does not run")
        found = (_ORIGIN.search(address) for address in dials(self._router.apps()))
        return {int(match[1]) for match in found if match is not None}

    def connections(self, address: str, port: int) -> int:
        """How many requests a container is still answering to the router, if there is one."""
        if self._router.find() is None:
            return 0
        with engine_errors(self._host, "count connections"):
            tables: Any = (
                self._router.running().exec_run(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).output
            )
        wanted = (_hex_address(address), f"{port:04X}")
        rows = (line.split() for line in tables.decode("ascii", "replace").splitlines())
        return sum(
            1
            for row in rows
            if len(row) > 3
            and row[3] == ESTABLISHED
            and (row[2].split(":")[0][-8:], row[2].split(":")[-1]) == wanted
        )

    def ask(self, address: tuple[str, int], request: bytes, timeout: float = 10) -> Answer:
        """The answer of something in the environment's network. Raises ProxyError."""
        return self._router.ask(address, request, timeout)

    def internal_authority(self) -> bytes | None:
        """The certificate of Caddy's own authority (PEM), once it has made one."""
        path = "/data/caddy/pki/authorities/local/root.crt"
        with engine_errors(self._host, "read the proxy's certificate"):
            try:
                chunks, _ = self._proxy.running().get_archive(path)
            except NotFound:
                return None
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            member = tar.extractfile("root.crt")
            return member.read() if member else None

    def remove(self) -> None:
        """Leave nothing but the proxy's volumes: its certificates are not to be had at any rate."""
        self._proxy.remove()
        self._router.remove()
        for volume in (f"{self._prefix}-router-config", f"{self._prefix}-router-socket"):
            with engine_errors(self._host, f"remove the volume {volume}"):
                try:
                    self._client.volumes.get(volume).remove()
                except NotFound:
                    continue

    def _have_image(self, image: str) -> None:
        with engine_errors(self._host, f"look for {image}"):
            if self._client.images.list(filters={"reference": image}):
                return
        try:
            self._client.images.pull(image)
        except DockerException as error:
            raise ImageNotPulled(image, self._host, reason(error)) from error


def _hex_address(address: str) -> str:
    """IPv4 as /proc/net/tcp writes it: little-endian hex."""
    return "".join(f"{int(part):02X}" for part in reversed(address.split(".")))
