"""deployments/compose.yaml brought up as one project of its own, and taken away again."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from examples.stand.debian import ensure_debian_packages
from examples.stand.state import REPOSITORY

DEPLOYMENTS = REPOSITORY / "deployments"


def compose_program() -> list[str]:
    """Docker's own plugin where it is there, else Debian's older program."""
    plugin = ["docker", "compose"]
    if shutil.which("docker") and _says_yes([*plugin, "version"]):
        return plugin
    if shutil.which("docker-compose") is None:
        ensure_debian_packages(["docker-compose"], print)
    return ["docker-compose"]


def _says_yes(command: list[str]) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


@dataclass
class Stack:
    """`files` lie in a copy of deployments/ below `folder`; `settings` are compose's variables."""

    name: str
    folder: Path
    settings: Mapping[str, str]
    files: tuple[str, ...] = ("compose.yaml",)
    program: list[str] = field(default_factory=compose_program)

    def __post_init__(self) -> None:
        ours = shutil.ignore_patterns("secrets", "project", "__pycache__")
        shutil.copytree(DEPLOYMENTS, self.folder, ignore=ours)
        (self.folder / "project" / "ssh").mkdir(parents=True)
        self.check([str(self.folder / "new-secrets")])

    def secret(self, name: str) -> str:
        return (self.folder / "secrets" / name).read_text()

    def compose(self, *arguments: str, timeout: float = 300) -> str:
        chosen = [part for file in self.files for part in ("--file", file)]
        command = [*self.program, *chosen, "--project-name", self.name, *arguments]
        return self.check(command, timeout=timeout)

    def up(self, timeout: float = 420) -> None:
        """What does not come up is told with its last lines."""
        try:
            self.compose("up", "--detach", timeout=timeout)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            error.add_note(self.compose("ps"))
            error.add_note(self.compose("logs", "--no-color", "--tail=40"))
            raise

    def check(self, command: list[str], timeout: float = 300) -> str:
        done = subprocess.run(
            command,
            cwd=self.folder,
            # Of the older program: how long the engine may take, which is busy.
            env={**os.environ, "COMPOSE_HTTP_TIMEOUT": "300", **self.settings},
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=timeout,
        )
        assert done.returncode == 0, (
            f"{command} ended with {done.returncode}\n{done.stderr[-6000:]}"
        )
        return done.stdout

    def container(self, service: str) -> str:
        """The id of the service's container."""
        return self.compose("ps", "--quiet", service).strip()

    def inspect(self, service: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.check(["docker", "inspect", self.container(service)])
        )[0]
        return found

    def await_health(self, service: str, seconds: float = 120) -> None:
        end = time.monotonic() + seconds
        while (health := self.inspect(service)["State"]["Health"])["Status"] != "healthy":
            said = [entry["Output"] for entry in health["Log"][-1:]]
            assert time.monotonic() < end, f"{service} is {health['Status']}: {said}"
            time.sleep(1)

    def down(self) -> None:
        self.compose("down", "--volumes", "--timeout", "5")
