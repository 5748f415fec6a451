"""A container with Caddy in it, told what to do through its admin API, from inside.

https://caddyserver.com/docs/api
"""

import json
import time
from typing import Any

import docker
from docker.models.containers import Container

from fairlead.engine.connect import engine_errors
from fairlead.engine.dial import Answer, NoAnswer, build_request, dial
from fairlead.engine.routing import FIRST_CONFIG
from fairlead.engine.target import LABEL, archive
from fairlead.errors import ProxyError

ADMIN = ("127.0.0.1", 2019)
READY = 20.0  # seconds to come up


class Caddy:
    """The container `name`; `role` is what it is, and `host` where, in messages."""

    def __init__(self, client: docker.DockerClient, name: str, role: str, host: str) -> None:
        self._client = client
        self._name = name
        self._role = role
        self._host = host
        self._container: Container | None = None

    # -- its container ------------------------------------------------------------------------

    def ensure(self, spec: dict[str, Any], first: dict[str, Any]) -> str:
        """Have it run as `spec` says; what was done. A new one serves the apps `first`, one that
        was made anew what it served before."""
        found = self.find()
        same = found is not None and found.labels.get(f"{LABEL}spec") == _spec(spec["labels"])
        if found is not None and same:
            done = "runs"
            self._start(found)
        else:
            done = "was started" if found is None else "was restarted: its settings changed"
            self._make(found, spec, first)
        self._await_ready()
        return f"the {self._role} {done}"

    def find(self) -> Container | None:
        with engine_errors(self._host, f"look for the {self._role}"):
            found = self._client.containers.list(all=True, filters={"name": f"^/{self._name}$"})
        return found[0] if found else None

    def running(self) -> Container:
        """Its container. Raises ProxyError when it is gone."""
        if self._container is None:
            self._container = self.find()
        if self._container is None:
            raise self._error("be found", "its container is gone; release again")
        return self._container

    def is_running(self) -> bool:
        found = self.find()
        return found is not None and found.status == "running"

    def remove(self) -> None:
        found = self.find()
        if found is not None:
            with engine_errors(self._host, f"remove the {self._role}"):
                found.remove(force=True)
        self._container = None

    def _start(self, found: Container) -> None:
        if found.status != "running":
            with engine_errors(self._host, f"start the {self._role}"):
                found.start()

    def _make(self, old: Container | None, spec: dict[str, Any], first: dict[str, Any]) -> None:
        config = {"admin": {"listen": "localhost:2019"}, "apps": first}
        with engine_errors(self._host, f"start the {self._role}"):
            if old is not None:
                old.remove(force=True)
            made = self._client.containers.create(**spec)
            made.put_archive("/", archive({FIRST_CONFIG: json.dumps(config).encode()}))
            made.start()
        self._container = made

    def _await_ready(self) -> None:
        deadline = time.monotonic() + READY
        while (why := self._not_ready()) is not None:
            if time.monotonic() > deadline:
                tail = bytes(self.running().logs(tail=5)).decode("utf-8", "replace")
                raise self._error("come up", f"{why}\n{tail}")
            time.sleep(0.1)

    def _not_ready(self) -> str | None:
        try:
            answer = self.ask(ADMIN, _admin("GET", "/config/apps"), timeout=2)
        except ProxyError as error:
            return str(error)
        return None if answer.status == 200 else "its admin API has no config"

    # -- what it serves -----------------------------------------------------------------------

    def apps(self) -> Any:
        """What it serves by now. Raises ProxyError."""
        answer = self.ask(ADMIN, _admin("GET", "/config/apps"))
        if answer.status != 200:
            raise self._error("tell what it serves", answer.text[:500])
        return json.loads(answer.body)

    def load(self, apps: dict[str, Any]) -> None:
        """Serve `apps` from now on, all of it at once. Raises ProxyError."""
        answer = self.ask(ADMIN, _admin("POST", "/config/apps", json.dumps(apps).encode()))
        if answer.status != 200:
            raise self._error("take the new routes", answer.text[:500])

    def ask(self, address: tuple[str, int], request: bytes, timeout: float = 10) -> Answer:
        """The answer of something that its container can reach. Raises ProxyError."""
        try:
            return dial(self.running(), address, request, host=self._host, timeout=timeout)
        except NoAnswer as error:
            raise self._error(f"reach {address[0]}:{address[1]}", str(error)) from error

    def _error(self, what: str, why: str) -> ProxyError:
        if "unknown field" in why:
            why = (
                f"{why.rstrip()}\nIts Caddy is older than 2.7: name the image of a newer one as "
                "proxy.image, then release again"
            )
        return ProxyError(self._role, self._host, what, why)


def _admin(method: str, path: str, body: bytes = b"") -> bytes:
    return build_request(method, path, "localhost:2019", body)


def _spec(labels: dict[str, str]) -> str:
    return labels[f"{LABEL}spec"]
