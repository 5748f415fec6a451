"""What the databases of a refresh are called; pure. What a dead one left is found by these."""

import re
from datetime import UTC, datetime

from fairlead.database.backup.beside import fitted

MADE, KEPT = "_refreshed_", "_before_refresh_"
STAMP = re.compile(r"\d{8}T\d{9}")


def stamp_of(now: datetime) -> str:
    """One may follow within the second."""
    utc = now.astimezone(UTC)
    return f"{utc:%Y%m%dT%H%M%S}{utc.microsecond // 1000:03}"


def made_name(database: str, stamp: str) -> str:
    """Of the one that is filled beside `database`."""
    return fitted(database, f"{MADE}{stamp}")


def kept_name(database: str, stamp: str) -> str:
    """Of the one that was there before."""
    return fitted(database, f"{KEPT}{stamp}")


def is_made(name: str, database: str) -> bool:
    """Whether it was made beside `database` by a refresh, whichever that was."""
    stamp = name.rpartition("_")[2]
    return bool(STAMP.fullmatch(stamp)) and name == made_name(database, stamp)
