"""The folder on this machine in which a dump lies while it is restored."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from fairlead.errors import RefreshRefused
from fairlead.model import Refresh, size
from fairlead.store.embedded import home


@dataclass(frozen=True, slots=True)
class Work:
    """Nobody but us may look into it: what is in it is not masked."""

    folder: Path
    environment: str

    @classmethod
    def of(cls, project: str, refresh: Refresh) -> "Work":
        return cls(work_of(project, refresh.environment) / str(refresh.id), refresh.environment)

    @property
    def dump(self) -> Path:
        return self.folder / "dump"

    @property
    def contents(self) -> Path:
        """The dump's, without its rows."""
        return self.folder / "without-rows"

    @property
    def free(self) -> int:
        """Bytes, of the disk on which the folder is."""
        there = os.statvfs(self.folder)
        return there.f_bavail * there.f_frsize

    def have(self) -> None:
        """Raises RefreshRefused where it is not ours to write to."""
        try:
            self.folder.mkdir(parents=True, mode=0o700, exist_ok=True)
        except OSError as error:
            raise RefreshRefused(
                self.environment,
                f"the folder {self.folder} cannot be made: {error.strerror}",
                "Mend its rights, or set FAIRLEAD_HOME to another one.",
            ) from error

    def begin(self, room: int) -> None:
        """Raises RefreshRefused where the disk is too small too."""
        self.have()
        free = self.free
        if free < room:
            raise RefreshRefused(
                self.environment,
                f"the disk of {self.folder} has {size(free)} free, and the dump will take about "
                f"{size(room)}",
                "Free some disk there, or set FAIRLEAD_HOME to where there is more.",
            )

    def remove_rows(self) -> None:
        shutil.rmtree(self.dump, ignore_errors=True)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)


def work_of(project: str, environment: str) -> Path:
    return home() / "refresh" / project / environment


def clear_work(project: str, environment: str) -> None:
    """Of refreshes that died."""
    shutil.rmtree(work_of(project, environment), ignore_errors=True)
