"""Dumps in a folder: written under a hidden name, renamed when they are whole."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fairlead.database.backup.manifest import sync_folder
from fairlead.errors import BackupBroken, CannotSave
from fairlead.model import size


class FolderPlace:
    """`root` is the folder of the config."""

    def __init__(self, environment: str, root: str) -> None:
        self._environment = environment
        self._root = root

    def address(self, name: str) -> str:
        return str(Path(self._root) / name)

    def begin(self, place: str, room: int) -> Path:
        """An empty folder with `room` bytes free to write it to. Raises CannotSave."""
        folder = _partial(place)
        try:
            folder.mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise CannotSave(
                self._environment,
                f"the folder {folder.parent} cannot be written to: {error.strerror}",
                f"Mend its rights, or name another: environments.{self._environment}.backup.place",
            ) from error
        check_room(self._environment, folder, room)
        return folder

    def finish(self, folder: Path, place: str) -> None:
        """A half-made backup never has the name of a whole one: rename(2) is atomic."""
        folder.rename(place)
        sync_folder(Path(place).parent)

    @contextmanager
    def fetched(self, place: str) -> Iterator[Path]:
        """Raises BackupBroken."""
        if not Path(place).is_dir():
            raise BackupBroken(place, "it is not there")
        yield Path(place)

    def remove(self, place: str) -> None:
        """Raises CannotSave."""
        for folder in (_partial(place), Path(place)):
            remove_folder(self._environment, folder)


def _partial(place: str) -> Path:
    final = Path(place)
    return final.with_name(f".{final.name}.partial")


def remove_folder(environment: str, folder: Path) -> None:
    """Nothing where there is none. Raises CannotSave."""
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        raise CannotSave(
            environment,
            f"{folder} cannot be removed: {error.strerror}",
            "Mend its rights, or remove it by hand.",
        ) from error


def check_room(environment: str, folder: Path, room: int) -> None:
    """Seen beforehand, a full disk stops nobody in the middle. Raises CannotSave."""
    there = os.statvfs(folder)
    free = there.f_bavail * there.f_frsize
    if free < room:
        shutil.rmtree(folder, ignore_errors=True)
        raise CannotSave(
            environment,
            f"the disk of {folder.parent} has {size(free)} free, and the backup will take about "
            f"{size(room)}",
            f"Free some disk there, or name another: environments.{environment}.backup.place",
        )
