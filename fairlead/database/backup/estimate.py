"""How big a backup will be and how long it will take: pure, from the size and the last one."""

from dataclasses import dataclass

from fairlead.model import Backup, size

COMPRESSED = 0.5  # of a table's bytes, where nothing is known yet: most shrink to a quarter
MARGIN = 1.2


@dataclass(frozen=True, slots=True)
class Expected:
    """`seconds` is None where there was none before."""

    bytes: int
    seconds: float | None

    @property
    def words(self) -> str:
        took = f", about {self.seconds:.0f} s" if self.seconds is not None else ""
        return f"about {size(self.bytes)}{took}"

    @property
    def room(self) -> int:
        """How much has to be free for it."""
        return round(self.bytes * MARGIN)


def expected(database_bytes: int, data_bytes: int, last: Backup | None) -> Expected:
    """As `last` was, in proportion to the whole database."""
    if last is None or not last.bytes or not last.database_bytes:
        return Expected(round(data_bytes * COMPRESSED), None)
    grown = database_bytes / last.database_bytes
    return Expected(
        round(last.bytes * grown), last.seconds * grown if last.seconds is not None else None
    )


def progress(done: int, elapsed: float, whole: Expected) -> str:
    """`120.0 MB of about 206.0 MB after 12 s, about 9 s left`."""
    part = done / whole.bytes if whole.bytes else 0
    left = f", about {elapsed * (1 - part) / part:.0f} s left" if 0 < part < 1 else ""
    return f"{size(done)} of about {size(whole.bytes)} after {elapsed:.0f} s{left}"
