"""The page for new users, followed as it stands: its files written, its commands run in one shell,
what they print compared with what the page shows.

Only what this machine has otherwise is put in the place of the page's: the registry, the port, the
base images, and a project name that no other test has.
"""

import getpass
import os
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import pytest

from examples.stand.images import Images
from examples.stand.prefect_server import is_kept
from examples.stand.registry import Registry
from examples.stand.state import REPOSITORY
from fairlead.store import embedded
from tests.bench.bench import free_port
from tests.bench.pages import Block, blocks
from tests.bench.waiting import until

PAGE = REPOSITORY / "docs" / "getting-started.md"
END = "-- end of block --"
STORE = Path(".local/share/fairlead/store")
# What is another one each time: times, digests and commits, counts; but not how many were lost.
FIGURES = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d|(\d+ min )?\d+(\.\d+)? s\b|\b[0-9a-f]{7,}\b|\b\d+\b(?! lost)"
)


@dataclass(frozen=True)
class Newcomer:
    """Somebody with a home of their own, who has never run Fairlead."""

    home: Path
    project: str
    instead: Mapping[str, str]
    environ: Mapping[str, str]

    def put(self, text: str) -> str:
        """The page's words as they have to be here."""
        for theirs, ours in self.instead.items():
            text = re.sub(theirs, ours, text)
        return text

    def follow(self, page: list[Block]) -> list[str]:
        """What each block printed."""
        script = "\n".join(["set -euo pipefail", *map(self.step, page)])
        folder = self.home / "an-empty-directory"
        folder.mkdir()
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=dict(self.environ),
            capture_output=True,
            text=True,
            timeout=900,  # three releases, each with a Prefect of its own
            check=False,
        )
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout.split(f"{END}\n")

    def step(self, block: Block) -> str:
        text = self.put(block.text)
        if block.file:
            text = f"cat > {block.file} <<'END OF FILE'\n{text}\nEND OF FILE"
        return f"{text if block.file or block.language == 'sh' else ''}\necho '{END}'"

    def left(self, engine: docker.DockerClient) -> list[str]:
        """What is there of it."""
        label: dict[str, Any] = {"label": f"fairlead.project={self.project}"}
        found = engine.containers.list(all=True, filters=label, ignore_removed=True)
        return [
            *(str(one.name) for one in found),
            *(str(one.name) for one in engine.networks.list(filters=label)),
            *(str(one.name) for one in engine.volumes.list() if self.owns(str(one.name))),
        ]

    def owns(self, name: str) -> bool:
        return name.startswith(f"{self.project}-")

    def clean(self, engine: docker.DockerClient) -> None:
        """Where the page was not followed to its end."""
        embedded.stop(self.home / STORE)
        for name in self.left(engine):
            subprocess.run(["docker", "rm", "--force", name], capture_output=True, check=False)
        for name in self.left(engine):
            for kind in ("network", "volume"):
                subprocess.run(["docker", kind, "rm", name], capture_output=True, check=False)


@pytest.fixture
def newcomer(engine: docker.DockerClient, registry: Registry, images: Images) -> Iterator[Newcomer]:
    project, port = f"g{uuid.uuid4().hex[:8]}", free_port()
    with tempfile.TemporaryDirectory(prefix="fairlead-newcomer-") as made:
        home = Path(made)
        home.chmod(0o755)  # the embedded store runs as another user than root
        kept = {
            name: value
            for name, value in os.environ.items()
            if is_kept(name) and not name.startswith(("FAIRLEAD_", "XDG_"))
        }
        found = Newcomer(
            home,
            project,
            instead={
                "localhost:5000": registry.address,
                "python:3.12-slim": images.python,
                r"\b8080\b": str(port),
                r"\bhello\b(?!,)": project,
                r"\byou\b": getpass.getuser(),
            },
            environ={
                **kept,
                "HOME": str(home),
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
                "FAIRLEAD__PROXY__IMAGE": images.caddy,
                "no_proxy": "localhost,127.0.0.1",
                **{f"GIT_{who}_NAME": "newcomer" for who in ("AUTHOR", "COMMITTER")},
                **{f"GIT_{who}_EMAIL": "newcomer@example.com" for who in ("AUTHOR", "COMMITTER")},
            },
        )
        yield found
        found.clean(engine)


def test_a_new_user_comes_to_a_release_and_back(
    newcomer: Newcomer, engine: docker.DockerClient
) -> None:
    page = blocks(PAGE)
    printed = newcomer.follow(page)
    for at, block in enumerate(page):
        if block.language == "text":
            assert_shown(newcomer.put(block.text), printed[at - 1])
    assert newcomer.left(engine) == []
    until(lambda: not (newcomer.home / STORE / "postmaster.pid").exists(), 60)


def assert_shown(expected: str, printed: str) -> None:
    """Each line of the page is one of those that were printed, in this order; … is anything."""
    lines = iter([blanked(line) for line in printed.splitlines()])
    for line in expected.splitlines():
        pattern = re.escape(blanked(line)).replace("…", ".*")
        assert any(re.fullmatch(pattern, found) for found in lines), f"{line}\n\n{printed}"


def blanked(line: str) -> str:
    return FIGURES.sub("#", " ".join(line.split()))
