"""Caddy, the front proxy of one environment on one host.

Its whole `apps` section is replaced in one request to its admin API, which Caddy does without
dropping a connection: https://caddyserver.com/docs/api#post-configpath
"""

import hashlib
import io
import json
import re
import tarfile
import time
from collections.abc import Iterable, Mapping
from typing import Any

import docker
from docker.errors import DockerException
from docker.models.containers import Container

from fairlead.config import Config, Environment
from fairlead.engine.connect import NotFound, engine_errors, reason
from fairlead.engine.dial import Answer, NoAnswer, build_request, dial
from fairlead.engine.target import LABEL, LOGS, Target, archive, labels, prefix
from fairlead.errors import ImageNotPulled, ProxyError

ADMIN = ("127.0.0.1", 2019)
READY = 20.0  # seconds for the proxy to come up
ESTABLISHED = "01"  # of /proc/net/tcp, see proc(5)
_ORIGIN = re.compile(r"-(\d+)-\d+:\d+$")


# New routes restart Caddy's server, which closes kept-alive connections; a request that is sent on
# one in that moment would be lost. So HTTP/1 connections carry one request. HTTP/2 says goodbye
# properly, and an upgraded connection is no longer HTTP.
ONE_REQUEST: dict[str, Any] = {
    "match": [
        {
            "expression": "{http.request.proto}.startsWith('HTTP/1')",
            "not": [{"header": {"Upgrade": ["*"]}}],
        }
    ],
    "handle": [
        {"handler": "headers", "response": {"deferred": True, "set": {"Connection": ["close"]}}}
    ],
}


def apps(settings: Environment, routes: list[dict[str, Any]]) -> dict[str, Any]:
    """Caddy's `apps`: one server with `routes`, and how it gets its certificates."""
    listen = [":80"] if settings.tls == "off" else [":443"]
    server: dict[str, Any] = {"listen": listen, "routes": [ONE_REQUEST, *routes]}
    if settings.tls == "off":
        server["automatic_https"] = {"disable": True}
    http = {"http": {"servers": {"main": server}}}
    if settings.tls != "internal":
        return http
    own = {"automation": {"policies": [{"issuers": [{"module": "internal"}]}]}}
    # Nobody else in the proxy's container needs to trust it, and trying to takes a second a switch.
    untrusted = {"certificate_authorities": {"local": {"install_trust": False}}}
    return {**http, "tls": own, "pki": untrusted}


def routes(target: Target) -> list[dict[str, Any]]:
    """Named domains before wildcards, then the longest path first; what no route takes is
    answered 404."""
    settings = target.settings
    found = []
    for name, service in target.config.services.items():
        for route in service.routes:
            every = (route.domain,) if route.domain else (settings.domain, *settings.aliases)
            wild = tuple(domain for domain in every if domain.startswith("*"))
            named = tuple(domain for domain in every if domain not in wild)
            found += [(route.path, domains, name) for domains in (named, wild) if domains]
    found.sort(key=lambda route: (route[1][0].startswith("*"), -len(route[0]), route[1]))
    return [*(_route(target, *route) for route in found), _answer(404, "There is nothing here.")]


def nothing() -> list[dict[str, Any]]:
    """The routes of an environment in which nothing runs."""
    return [_answer(503, "Nothing has been released here.")]


def _route(target: Target, path: str, domains: tuple[str, ...], service: str) -> dict[str, Any]:
    match: dict[str, Any] = {"host": list(domains)}
    if path != "/":
        match["path"] = [path, f"{path.rstrip('/')}/*"]
    port = target.config.services[service].port
    upstreams = [{"dial": f"{name}:{port}"} for name in target.names(service)]
    return {"match": [match], "handle": [_reverse_proxy(upstreams)], "terminal": True}


def _reverse_proxy(upstreams: list[dict[str, str]]) -> dict[str, Any]:
    return {
        "handler": "reverse_proxy",
        "upstreams": upstreams,
        # A container that is just restarting is waited for.
        "load_balancing": {"selection_policy": {"policy": "least_conn"}, "try_duration": "5s"},
        # Shorter than the 2 s after which gunicorn closes a connection, so that no request is
        # sent on one that is being closed; and a drained container has none left.
        "transport": {"protocol": "http", "keep_alive": {"idle_timeout": "1s"}},
    }


def _answer(status: int, body: str) -> dict[str, Any]:
    return {"handle": [{"handler": "static_response", "status_code": status, "body": body}]}


def container(config: Config, environment: str) -> dict[str, Any]:
    """The arguments of docker.containers.create for the proxy."""
    settings, name = config.environment(environment), prefix(config, environment)
    ports = {"80/tcp": (settings.bind, settings.http_port)}
    if settings.tls != "off":
        ports["443/tcp"] = (settings.bind, settings.https_port)
    spec = {
        "image": config.proxy.image,
        "command": ["caddy", "run", "--config", "/etc/fairlead-caddy.json", "--resume"],
        "name": f"{name}-proxy",
        "network": name,
        "environment": {"XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"},
        "volumes": [f"{name}-proxy-config:/config", f"{name}-proxy-data:/data"],
        "ports": ports,
        "restart_policy": {"Name": "always"},
        "log_config": LOGS,
        "detach": True,
    }
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    return {**spec, "labels": {**labels(config, environment, "proxy"), f"{LABEL}spec": digest}}


class ProxyOnHost:
    """The proxy of one environment on one host. `host` is its name in messages."""

    def __init__(
        self, client: docker.DockerClient, prefix: str, environment: str, host: str
    ) -> None:
        self._client = client
        self._name = f"{prefix}-proxy"
        self._environment = environment
        self._host = host
        self._container: Container | None = None

    def ensure(self, config: Config) -> str:
        """Have it run as `config` says; what was done. Its routes survive being made anew."""
        spec = container(config, self._environment)
        found = self._find()
        if found is not None and found.labels.get(f"{LABEL}spec") == spec["labels"][f"{LABEL}spec"]:
            if found.status != "running":
                with engine_errors(self._host, "start the proxy"):
                    found.start()
            self._await_ready()
            return "the proxy runs"
        self._have_image(config.proxy.image)
        with engine_errors(self._host, "start the proxy"):
            if found is not None:
                found.remove(force=True)
            made = self._client.containers.create(**spec)
            first = {
                "admin": {"listen": "localhost:2019"},
                "apps": apps(config.environment(self._environment), nothing()),
            }
            made.put_archive("/", archive({"etc/fairlead-caddy.json": json.dumps(first).encode()}))
            made.start()
        self._container = made
        self._await_ready()
        return (
            "the proxy was started" if found is None else "the proxy's settings changed: restarted"
        )

    def load(self, settings: Environment, routes: list[dict[str, Any]]) -> None:
        """Serve by these routes from now on, all at once. Raises ProxyError."""
        body = json.dumps(apps(settings, routes)).encode()
        answer = self.ask(ADMIN, build_request("POST", "/config/apps", "localhost:2019", body))
        if answer.status != 200:
            raise ProxyError(self._host, "take the new routes", answer.text[:500])

    def serving(self) -> set[int]:
        """The releases whose containers get requests now."""
        path = "/config/apps/http/servers/main/routes"
        answer = self.ask(ADMIN, build_request("GET", path, "localhost:2019"))
        if answer.status != 200:
            raise ProxyError(self._host, "tell its routes", answer.text[:500])
        return {
            int(found[1])
            for dial in _dials(json.loads(answer.body))
            if (found := _ORIGIN.search(dial)) is not None
        }

    def connections(self, address: str, port: int) -> int:
        """How many requests the proxy, if it is there, is still having answered by a container."""
        if self._container is None and self._find() is None:
            return 0
        with engine_errors(self._host, "count connections"):
            tables: Any = (
                self._running().exec_run(["cat", "/proc/net/tcp", "/proc/net/tcp6"]).output
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
        try:
            return dial(self._running(), address, request, host=self._host, timeout=timeout)
        except NoAnswer as error:
            raise ProxyError(self._host, f"reach {address[0]}:{address[1]}", str(error)) from error

    def internal_authority(self) -> bytes | None:
        """The certificate of Caddy's own authority (PEM), once it has made one."""
        path = "/data/caddy/pki/authorities/local/root.crt"
        with engine_errors(self._host, "read the proxy's certificate"):
            try:
                chunks, _ = self._running().get_archive(path)
            except NotFound:
                return None
        with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as tar:
            member = tar.extractfile("root.crt")
            return member.read() if member else None

    def remove(self) -> None:
        found = self._find()
        if found is not None:
            with engine_errors(self._host, "remove the proxy"):
                found.remove(force=True)
        self._container = None

    def _find(self) -> Container | None:
        with engine_errors(self._host, "look for the proxy"):
            found = self._client.containers.list(all=True, filters={"name": f"^/{self._name}$"})
        return found[0] if found else None

    def _running(self) -> Container:
        if self._container is None:
            self._container = self._find()
        if self._container is None:
            raise ProxyError(self._host, "be found", "its container is gone; release again")
        return self._container

    def _have_image(self, image: str) -> None:
        with engine_errors(self._host, f"look for {image}"):
            if self._client.images.list(filters={"reference": image}):
                return
        try:
            self._client.images.pull(image)
        except DockerException as error:
            raise ImageNotPulled(image, self._host, reason(error)) from error

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY
        while True:
            try:
                if (
                    self.ask(
                        ADMIN, build_request("GET", "/config/apps", "localhost:2019"), 2
                    ).status
                    == 200
                ):
                    return
                why = "its admin API has no config"
            except ProxyError as error:
                why = str(error)
            if time.monotonic() > deadline:
                tail = bytes(self._running().logs(tail=5)).decode("utf-8", "replace")
                raise ProxyError(self._host, "come up", f"{why}\n{tail}")
            time.sleep(0.1)


def _dials(node: Any) -> Iterable[str]:
    if isinstance(node, Mapping):
        if isinstance(node.get("dial"), str):
            yield node["dial"]
        for value in node.values():
            yield from _dials(value)
    elif isinstance(node, list):
        for value in node:
            yield from _dials(value)


def _hex_address(address: str) -> str:
    """IPv4 as /proc/net/tcp writes it: little-endian hex."""
    return "".join(f"{int(part):02X}" for part in reversed(address.split(".")))
