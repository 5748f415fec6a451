"""A dump counts when it is proven: its contents complete, every file as listed, all of it decoded.

`pg_restore --list` alone proves nothing: it is content with truncated, changed and missing files.
"""

import os
from dataclasses import dataclass
from pathlib import Path

from fairlead.database.backup.contents import Wanted, missing, read
from fairlead.database.backup.manifest import (
    DUMP,
    NAME,
    Manifest,
    differences,
    digest,
    files_of,
    parse,
)
from fairlead.database.backup.process import Ended, run
from fairlead.database.backup.programs import Programs
from fairlead.errors import BackupBroken

SHOWN = 5  # of what is wrong


@dataclass(frozen=True, slots=True)
class Proof:
    """Of the backup that is, or will be, at `place`; `deadline` is on the monotonic clock."""

    place: str
    deadline: float


def prove_contents(programs: Programs, folder: Path, wanted: Wanted, proof: Proof) -> None:
    """Raises BackupBroken."""
    command = [programs.path("pg_restore"), "--list", str(folder / DUMP)]
    ended = run(command, environ=_plain(), deadline=proof.deadline)
    refuse_problem(proof.place, ended, "its table of contents")
    files = {path.name for path in (folder / DUMP).iterdir()}
    refuse(proof.place, list(missing(read(ended.output), wanted, files)))


def prove_decodes(programs: Programs, folder: Path, proof: Proof) -> None:
    """Every row of it is read, into nothing. Raises BackupBroken."""
    command = [programs.path("pg_restore"), "--file=/dev/null", str(folder / DUMP)]
    ended = run(command, environ=_plain(), deadline=proof.deadline)
    refuse_problem(proof.place, ended, "it")


def prove_files(folder: Path, manifest: Manifest, place: str) -> None:
    """Raises BackupBroken."""
    refuse(place, list(differences(manifest.files, files_of(folder / DUMP))))


def read_manifest(folder: Path, wanted: str | None, place: str) -> Manifest:
    """The list that was written with it, unchanged since. Raises BackupBroken."""
    try:
        text = (folder / NAME).read_text(encoding="utf-8")
        manifest = parse(text)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BackupBroken(place, f"{NAME} cannot be read") from error
    if wanted is not None and digest(text) != wanted:
        raise BackupBroken(place, f"{NAME} was changed since it was made")
    return manifest


def refuse(place: str, problems: list[str]) -> None:
    if problems:
        more = len(problems) - SHOWN
        shown = [*problems[:SHOWN], *([f"and {more} more"] if more > 0 else [])]
        raise BackupBroken(place, "; ".join(shown))


def refuse_problem(place: str, ended: Ended, what: str) -> None:
    if ended.problem:
        said = f": {ended.tail[-1]}" if ended.tail else ""
        raise BackupBroken(place, f"{what} cannot be read, {ended.problem}{said}")


def _plain() -> dict[str, str]:
    """pg_restore is to reach no server here."""
    others = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    return {**others, "LC_ALL": "C.UTF-8"}
