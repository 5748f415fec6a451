"""Somebody who follows a page as it stands: its files written, its commands run in one shell, what
they print compared with what the page shows."""

import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from tests.bench.pages import Block

END = "-- end of block --"
# What is another one each time: times, digests and commits, counts; but not how many were lost.
FIGURES = re.compile(
    r"\d{4}-\d\d-\d\d \d\d:\d\d|(\d+ min )?\d+(\.\d+)? s\b|\b[0-9a-f]{7,}\b|\b\d+\b(?! lost)"
)


@dataclass(frozen=True)
class Newcomer:
    """Somebody with a home of their own. `instead` are patterns of what the page has otherwise than
    this machine, and what stands in their place; `project` begins the names of all that is made."""

    home: Path
    project: str
    instead: Mapping[str, str]
    environ: Mapping[str, str]

    def put(self, text: str) -> str:
        """The page's words as they have to be here."""
        for theirs, ours in self.instead.items():
            text = re.sub(theirs, ours, text)
        return text

    def follow(self, page: list[Block]) -> None:
        """Every block of it. Raises AssertionError where a command fails, or prints otherwise."""
        printed = self.run("\n".join(["set -euo pipefail", *map(self.step, page)]))
        for at, block in enumerate(page):
            if block.language == "text":
                assert_shown(self.put(block.text), printed[at - 1])

    def run(self, script: str) -> list[str]:
        """What each block printed."""
        folder = self.home / "an-empty-directory"
        folder.mkdir()
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=folder,
            env=dict(self.environ),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
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
        kept: dict[str, Any] = {"all": True, "ignore_removed": True}
        return [
            *(str(one.name) for one in engine.containers.list(**kept) if self.owns(str(one.name))),
            *(str(one.name) for one in engine.networks.list() if self.owns(str(one.name))),
            *(str(one.name) for one in engine.volumes.list() if self.owns(str(one.name))),
        ]

    def owns(self, name: str) -> bool:
        """Fairlead's own names have a dash after the project, those of compose a line."""
        return name.startswith((f"{self.project}-", f"{self.project}_"))

    def clean(self, engine: docker.DockerClient) -> None:
        """Where the page was not followed to its end."""
        for kind in ("container", "network", "volume"):
            for name in self.left(engine):
                flags = ["--force", "--volumes"] if kind == "container" else []
                command = ["docker", kind, "rm", *flags, name]
                subprocess.run(command, capture_output=True, check=False)


def assert_shown(expected: str, printed: str) -> None:
    """Each line of the page is one of those that were printed, in this order; … is anything."""
    lines = iter([blanked(line) for line in printed.splitlines()])
    for line in expected.splitlines():
        pattern = re.escape(blanked(line)).replace("…", ".*")
        assert any(re.fullmatch(pattern, found) for found in lines), f"{line}\n\n{printed}"


def blanked(line: str) -> str:
    return FIGURES.sub("#", " ".join(line.split()))
