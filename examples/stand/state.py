"""The folder in which the stand keeps secrets, logs and process ids, and its locks.

`STAND_HOME` says where, `.stand/` at the root of the repository otherwise. Locks lie outside it:
the Docker engine is one for the whole machine, however many folders there are.
"""

import fcntl
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]

Say = Callable[[str], None]


@dataclass(frozen=True)
class State:
    """A private folder; readable by its owner only."""

    home: Path

    @classmethod
    def from_environment(cls) -> "State":
        return cls(Path(os.environ.get("STAND_HOME", REPOSITORY / ".stand")).resolve())

    def folder(self, *parts: str) -> Path:
        """The folder of that name below the state folder, made where it is missing."""
        path = self.home.joinpath(*parts)
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.home.chmod(0o700)
        return path

    def log(self, name: str) -> Path:
        return self.folder("logs") / f"{name}.log"

    def secret(self, name: str) -> str:
        """The secret of that name: drawn once, then read back."""
        path = self.folder("secrets") / name
        with machine_lock("secrets"):
            if not path.exists():
                write_private(path, secrets.token_urlsafe(24))
        return path.read_text()


def write_private(path: Path, text: str) -> None:
    """Writes a file that only its owner can read; never half, never readable in between."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    unfinished.replace(path)


@contextmanager
def machine_lock(name: str) -> Iterator[None]:
    """Held by one process of this user at a time; freed by the kernel when its holder dies."""
    path = Path(tempfile.gettempdir()) / f"fairlead-stand-{os.getuid()}-{name}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def last_lines(path: Path, count: int = 20) -> str:
    """The end of a log file, for an error message."""
    if not path.exists():
        return ""
    return "\n".join(path.read_text(errors="replace").splitlines()[-count:])
