"""One project of its own for one test: config, store, images, and ways to release and to look."""

import hashlib
import importlib
import json
import os
import random
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import httpx
import tomli_w
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)

from fairlead.config import Config, load
from fairlead.model import Release, Step
from fairlead.store import Store
from tests.bench.images import push_version

ENGINE = "unix:///var/run/docker.sock"


def sha_of(version: str) -> str:
    """A commit for a version's name."""
    return hashlib.sha1(version.encode()).hexdigest()


# Below those that the kernel gives to whoever connects or asks for any: what is used only later
# would be somebody's by then. Each worker of pytest-xdist has its own.
_WORKERS = 16
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % _WORKERS
_PORTS = range(15_000 + _WORKER, 32_000, _WORKERS)
_given: set[int] = set()


def free_port() -> int:
    """One that nobody has, and that this process is given once only."""
    while True:
        port = random.SystemRandom().choice(_PORTS)  # hypothesis seeds the others alike
        if port not in _given and _is_free(port):
            _given.add(port)
            return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """`over` into `base`, table by table; None takes a key away."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(result.get(key), Mapping):
            result[key] = merged(result[key], value)
        else:
            result[key] = value
    return result


@dataclass
class Bench:
    """`environ` is what a `fairlead` process of this test gets; `port` is dev's published one."""

    project: str
    folder: Path
    engine: docker.DockerClient
    registry: str
    base: str
    store_url: str
    proxy_image: str
    port: int
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.environ = {
            **os.environ,
            "FAIRLEAD_CONFIG": str(self.folder / "fairlead.toml"),
            "FAIRLEAD_STORE_URL": self.store_url,
            "FAIRLEAD_HOME": str(self.folder / "home"),
            "APP_KEY": "planted-key-7f3a91",
            **self.environ,
        }
        self.configure()

    # -- the config ---------------------------------------------------------------------------

    def configure(self, **over: Any) -> Config:
        """Write the usual config with `over` merged into it, and read it back."""
        whole = merged(self.usual(), over)
        (self.folder / "fairlead.toml").write_text(tomli_w.dumps(whole))
        return load(self.folder / "fairlead.toml", {})

    def usual(self) -> dict[str, Any]:
        """One service behind the proxy of one environment, quick to check."""
        return {
            "project": self.project,
            "lease_ttl": 6,
            "registry": {"host": self.registry, "insecure": True},
            "proxy": {"image": self.proxy_image},
            "services": {
                "web": {
                    "image": f"{self.project}/web",
                    "port": 8000,
                    "routes": [{"path": "/"}],
                    "health": {"path": "/healthz", "interval": 0.1, "timeout": 20},
                    "secrets": ["APP_KEY"],
                    "stop_grace": 5,
                    "drain": 5,
                }
            },
            "migrations": {
                "service": "web",
                "preset": "command",
                "commands": [["migrate"]],
                "timeout": 20,
            },
            "smoke": [{"path": "/"}],
            "environments": {"dev": self.environment(self.port)},
        }

    def environment(self, port: int, **over: Any) -> dict[str, Any]:
        usual = {
            "hosts": [ENGINE],
            "domain": f"{self.project}.localhost",
            "tls": "off",
            "bind": "127.0.0.1",
            "http_port": port,
            "soak": 0.5,
            "secrets": {"APP_KEY": "env:APP_KEY"},
        }
        return merged(usual, over)

    # -- doing --------------------------------------------------------------------------------

    def push(
        self,
        version: str,
        *,
        environment: str = "dev",
        image: str | None = None,
        sha: str | None = None,
        label: str | None = "",
        **settings: str,
    ) -> str:
        """Push `<environment>-<sha>` of the version; its SHA. `settings` such as BEHAVIOUR="sick".
        `label` is the revision it claims: its own SHA unless given, none for None."""
        commit = sha or sha_of(version)
        name = f"{self.registry}/{image or f'{self.project}/web'}:{environment}-{commit}"
        revision = commit if label == "" else label
        push_version(
            self.engine, self.base, name, settings={"VERSION": version, **settings}, sha=revision
        )
        return commit

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "fairlead", *arguments]

    def fairlead(
        self, *arguments: str, code: int | None = 0, timeout: float = 120, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the command as a person would; `code` is the exit code it has to have."""
        done = subprocess.run(
            self.command(*arguments),
            env={**self.environ, **environ},
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert code is None or done.returncode == code, (
            f"{' '.join(arguments)} ended with {done.returncode}, not {code}\n"
            f"{done.stdout}\n{done.stderr}"
        )
        return done

    def release(self, sha: str, environment: str = "dev", **given: Any) -> Release:
        """Run the release flow in this process, which is quicker; what became of it."""
        return self._flow("release", environment=environment, sha=sha, **given)

    def rollback(self, environment: str = "dev", **given: Any) -> Release:
        return self._flow("rollback", environment=environment, **given)

    def flow(self, name: str, **given: Any) -> int:
        """Run any flow in this process; its exit code."""
        flows = importlib.import_module("flows.running")
        with self.acting():
            code: int = flows.run(name, given)
        return code

    def _flow(self, name: str, **given: Any) -> Release:
        return self.run_flow(name, str(uuid.uuid4()), **given)

    def run_flow(self, name: str, request: str, **given: Any) -> Release:
        """What became of the request."""
        self.flow(name, **given, requested_by="tester", request_id=request)
        found = self.read(lambda store: store.releases.of_request(request))
        assert isinstance(found, Release), f"{name} made no release: {given}"
        return found

    @contextmanager
    def acting(self) -> Iterator[None]:
        """This process with the environment and the Prefect API of this test."""
        before = dict(os.environ)
        api: dict[Any, Any] = {
            PREFECT_API_URL: self.environ["PREFECT_API_URL"],
            PREFECT_LOGGING_TO_API_ENABLED: False,  # the whole flow in its own process tests that
        }
        os.environ.update(self.environ)
        try:
            with temporary_settings(updates=api):
                yield
        finally:
            os.environ.clear()
            os.environ.update(before)

    def fairlead_json(self, *arguments: str, code: int | None = 0) -> Any:
        return json.loads(self.fairlead(*arguments, "--json", code=code).stdout)

    # -- looking ------------------------------------------------------------------------------

    def store(self) -> Store:
        opened = Store(self.store_url)
        opened.database.ready()
        return opened

    def read(self, look: Callable[[Store], Any]) -> Any:
        with self.store() as opened:
            return look(opened)

    def history(self, environment: str = "dev") -> list[Release]:
        """The newest first."""
        found: list[Release] = self.read(
            lambda store: store.releases.history(self.project, environment, 100)
        )
        return found

    def steps(self, release: int) -> list[Step]:
        found: list[Step] = self.read(lambda store: store.steps.of(release))
        return found

    def get(self, path: str = "/", port: int | None = None) -> httpx.Response:
        """Through the proxy, from outside."""
        return httpx.get(
            f"http://127.0.0.1:{port or self.port}{path}",
            headers={"Host": f"{self.project}.localhost"},
            timeout=15,
            trust_env=False,
        )

    def serves(self, port: int | None = None) -> str:
        """The version that answers."""
        return self.get(port=port).text

    def containers(self, role: str = "service", state: str | None = None) -> list[str]:
        """The names of this project's containers."""
        labels = [f"fairlead.project={self.project}", f"fairlead.role={role}"]
        filters: dict[str, Any] = {"label": labels, **({"status": state} if state else {})}
        found = self.engine.containers.list(all=True, filters=filters, ignore_removed=True)
        return sorted(str(container.name) for container in found)

    def clean(self) -> None:
        """Remove what this project left on the engine."""
        label: dict[str, Any] = {"label": f"fairlead.project={self.project}"}
        for container in self.engine.containers.list(all=True, filters=label, ignore_removed=True):
            container.remove(force=True, v=True)
        for network in self.engine.networks.list(filters=label):
            network.remove()
        for volume in self.engine.volumes.list():
            if str(volume.name).startswith(f"{self.project}-"):
                volume.remove(force=True)
