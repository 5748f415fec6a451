"""The demo under names and ports of one test's own."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import docker
import httpx
import psutil

from examples.stand.prefect_server import is_kept
from examples.stand.state import REPOSITORY

ENVIRONMENTS = ("dev", "uat", "prod")


@dataclass(frozen=True)
class Demo:
    """One that cannot meet another: `project` begins the name of all that is its own."""

    project: str
    home: Path
    registry: str
    prefect: int
    ports: dict[str, int]

    @property
    def settings(self) -> dict[str, str]:
        """What makes it another one than that of the README."""
        changed = {
            "STAND_HOME": str(self.home),
            "DEMO_PREFECT_PORT": str(self.prefect),
            "FAIRLEAD__PROJECT": self.project,
            "FAIRLEAD__REGISTRY__HOST": self.registry,
        }
        for name, port in self.ports.items():
            place = f"FAIRLEAD__ENVIRONMENTS__{name.upper()}"
            changed[f"{place}__HTTP_PORT"] = str(port)
            changed[f"{place}__NETWORKS"] = f'["{self.project}-data"]'
        return changed

    @property
    def environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if is_kept(name)}
        return {**kept, **self.settings}

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "examples.demo", *arguments],
            cwd=REPOSITORY,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=580,
            check=False,
        )
        print(done.stdout, done.stderr)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert done.stderr == ""
        return done.stdout

    def revision(self, environment: str) -> str:
        """The commit that its front end and its API say they are of, through the proxy."""
        domain = "www" if environment == "prod" else environment
        found = {
            httpx.get(
                f"http://127.0.0.1:{self.ports[environment]}{path}",
                headers={"Host": f"{domain}.shop.localhost"},
                trust_env=False,
                timeout=10,
            ).json()["revision"]
            for path in ("/api/version", "/version.json")
        }
        assert len(found) == 1, found
        return str(found.pop())

    def left(self, engine: docker.DockerClient) -> list[str]:
        """Whatever is there of it."""
        mine = (f"{self.project}-", self.registry)
        names = [
            *(str(found.name) for found in engine.containers.list(all=True, ignore_removed=True)),
            *(str(found.name) for found in engine.networks.list()),
            *(str(found.name) for found in engine.volumes.list()),
            *(tag for found in engine.api.images() for tag in found["RepoTags"] or ()),
            *(str(self.home) for _ in range(self.home.exists())),
        ]
        return [name for name in names if name.startswith((*mine, str(self.home)))] + self.running()

    def running(self) -> list[str]:
        """Processes that were started with its state folder, here or in what they started."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("STAND_HOME") == str(self.home):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue  # it has ended
        return found
