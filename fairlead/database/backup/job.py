"""What the making of one backup is given, and what comes of it."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fairlead.config import BackupSettings
from fairlead.database.backup.estimate import Expected
from fairlead.database.backup.source import Source
from fairlead.model import Backup

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """`deadline` is on the monotonic clock; `environ` what programs inherit; `name` what the server
    calls our sessions; `about` who, when, for which release."""

    environment: str
    settings: BackupSettings
    conninfo: str
    source: Source
    backup: Backup
    expected: Expected
    deadline: float
    environ: Mapping[str, str]
    name: str
    about: Mapping[str, object]
    say: Say

    @property
    def left(self) -> float:
        """Seconds."""
        return max(1.0, self.deadline - time.monotonic())


@dataclass(frozen=True, slots=True)
class Made:
    """`drilled` where it was restored and compared."""

    place: str
    bytes: int | None = None
    manifest: str | None = None
    drilled: bool = False
