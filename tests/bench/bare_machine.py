"""A machine with nothing but Debian's essential packages, in a container on this one's network and
engine.

Where it gets packages from is a matter of this machine's client settings, which it is given too:
those of pip and apt, and whose certificates are trusted.
"""

import io
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker
from docker.models.containers import Container

from examples.stand.debian import ensure_debian_packages
from examples.stand.debian_images import DOCUMENTATION, RootFileSystem, make_root
from examples.stand.engine import SOCKET
from examples.stand.images import is_present
from examples.stand.state import REPOSITORY, machine_lock

BARE = RootFileSystem(name="bare", packages=("apt",), excluded=DOCUMENTATION)
CHECKOUT = "/workspaces/fairlead"
# Files of this machine are seen below it, where no package of Debian writes.
HERE = "/client"
PATHS = re.compile(r"(?<![\w/:])/[\w./-]+|(?<=file://)/[\w./-]+")
PASSED_ON = re.compile(r"(pip|uv|ssl|requests|curl)_\w+|(http|https|no|all)_proxy", re.I)


@dataclass(frozen=True)
class BareMachine:
    container: Container

    def run(self, *command: str) -> str:
        """What it prints, both ways, in the checkout."""
        done = subprocess.run(
            ["docker", "exec", "--workdir", CHECKOUT, str(self.container.name), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=1200,  # on a busy machine
            check=False,
        )
        print(done.stdout)
        assert done.returncode == 0, done.stdout[-5000:]
        return done.stdout


@contextmanager
def bare_machine(
    engine: docker.DockerClient, name: str, environ: Mapping[str, str]
) -> Iterator[BareMachine]:
    """With a checkout of what is here, as git would have it; gone afterwards."""
    with machine_lock("fairlead-test-bare"):
        if not is_present(engine, BARE.reference):
            ensure_debian_packages(["mmdebstrap", "debian-archive-keyring"], print)
            make_root(engine, BARE)
    settings = client_settings()
    paths = {mounted(path) for value in settings.values() for path in paths_in(value)}
    container = engine.containers.run(
        BARE.reference,
        ["sleep", "infinity"],
        name=name,
        detach=True,
        init=True,
        network_mode="host",
        environment={**{key: moved(value) for key, value in settings.items()}, **environ},
        volumes=[f"{SOCKET}:{SOCKET}", *(f"{path}:{HERE}{path}:ro" for path in paths)],
    )
    try:
        container.put_archive("/", archive())
        yield BareMachine(container)
    finally:
        container.remove(force=True, v=True)


def client_settings() -> dict[str, str]:
    """Variables that say where packages come from; pip's files are variables of it too."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    found = re.findall(r"^global\.([\w-]+)='(.*)'$", listed, flags=re.MULTILINE)
    of_files = {f"PIP_{key.upper().replace('-', '_')}": value for key, value in found}
    passed_on = {key: value for key, value in os.environ.items() if PASSED_ON.fullmatch(key)}
    return {**of_files, **passed_on}


def paths_in(value: str) -> list[Path]:
    """Those that are there."""
    return [path for path in map(Path, PATHS.findall(value)) if path.exists()]


def mounted(path: Path) -> Path:
    """The files of an index that is a folder are beside it, where its links lead to."""
    return path.parent if path.name == "simple" else path


def moved(value: str) -> str:
    return PATHS.sub(lambda found: f"{HERE if Path(found[0]).exists() else ''}{found[0]}", value)


def archive() -> bytes:
    """The files that git knows or would add, and what apt is told here."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    apt = subprocess.run(["apt-config", "dump", "Acquire"], check=True, capture_output=True).stdout
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name in listed.split("\0"):
            if name and (REPOSITORY / name).exists():
                tar.add(REPOSITORY / name, f"{CHECKOUT}/{name}", filter=owned_by_root)
        entry = tarfile.TarInfo("etc/apt/apt.conf.d/99client")
        entry.size, entry.mode = len(apt), 0o644
        tar.addfile(entry, io.BytesIO(apt))
    return buffer.getvalue()


def owned_by_root(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    return entry
