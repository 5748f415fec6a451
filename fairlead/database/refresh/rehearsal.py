"""What a rehearsal of the next release's migrations has shown, and how it is timed; pure."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairlead.database.migrate import APPLYING
from fairlead.model import TenantMigration

# After one of these begins what the next line of APPLYING ends.
BEGINS = re.compile(r"^\$ |Running migrations:")
SLOWEST = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """Of what `environment` runs already, on the new data. `seconds` is None where it was not
    tried, and `failure` says why, or why it would fail; `at` is the migration that does, where that
    is known, `tail` the last lines of what it said.
    `migrations` are seconds by name, as far as the project's commands tell them, over all tenants;
    `tenants` those that were migrated by Fairlead, the slowest first."""

    environment: str
    sha: str
    seconds: float | None = None
    migrations: Mapping[str, float] = field(default_factory=dict)
    tenants: Sequence[tuple[str, float]] = ()
    failure: str = ""
    at: str = ""
    tail: Sequence[str] = ()

    @property
    def words(self) -> str:
        what = f"{self.sha[:7]}, which runs in {self.environment},"
        if self.seconds is None:
            return f"{what} was not rehearsed: {self.failure}"
        if self.failure:
            where = f", at {self.at}" if self.at else ""
            took = _took(self.seconds)
            return f"{what} would FAIL on this data after {took}{where}: {self.failure}"
        if not self.migrations and not self.tenants:
            return f"{what} has nothing to migrate"
        return f"{what} would take {_took(self.seconds)} to migrate this data"

    def as_json(self) -> dict[str, Any]:
        """Pairs in their order: PostgreSQL keeps none of the names of an object."""
        return {
            "environment": self.environment,
            "sha": self.sha,
            "seconds": self.seconds,
            "migrations": [list(one) for one in self.migrations.items()],
            "tenants": len(self.tenants),
            "slowest": [list(one) for one in self.tenants[:SLOWEST]],
            "failure": self.failure,
            "at": self.at,
            "tail": list(self.tail),
        }


def _took(seconds: float) -> str:
    """`4.2 s`, `3 min 05 s`."""
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02d} s"


class Stopwatch:
    """Listens to what a migration says. Django ends the line of a migration with OK when it is
    done. `ahead` are the migrations in their order, where that is known."""

    def __init__(
        self, ahead: Sequence[str] = (), clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._ahead, self._clock = ahead, clock
        self._began = self._mark = clock()
        self.migrations: dict[str, float] = {}
        self._at = ""
        self._tenants: dict[str, float] = {}

    @property
    def seconds(self) -> float:
        return self._clock() - self._began

    @property
    def at(self) -> str:
        """The one that has begun and is not done. The engine may lose a line that is not ended; it
        is the first one then that is not done."""
        left = (name for name in self._ahead if name not in self.migrations)
        return self._at or next(left, "")

    @property
    def tenants(self) -> list[tuple[str, float]]:
        return sorted(self._tenants.items(), key=lambda one: -one[1])

    def hear(self, line: str) -> None:
        applied, now = APPLYING.search(line), self._clock()
        if applied:
            before = self.migrations.get(applied[1], 0.0)
            self.migrations[applied[1]] = round(before + now - self._mark, 3)
        if line.rstrip().endswith("OK"):
            self._at = ""
        elif applied:
            self._at = applied[1]
        if applied or BEGINS.search(line):
            self._mark = now

    def keep(self, told: Sequence[TenantMigration]) -> None:
        self._tenants |= {one.tenant: round(one.seconds, 3) for one in told}
