"""What the databases of a refresh are called; pure. What a dead one left is found by these."""

import re

from fairlead.database.backup.beside import fitted

MADE, KEPT, REHEARSED = "_refreshed_", "_before_refresh_", "_rehearsed_"
STAMP = re.compile(r"\d{8}T\d{9}")


def made_name(database: str, stamp: str) -> str:
    """Of the one that is filled beside `database`."""
    return fitted(database, f"{MADE}{stamp}")


def kept_name(database: str, stamp: str) -> str:
    """Of the one that was there before."""
    return fitted(database, f"{KEPT}{stamp}")


def rehearsed_name(database: str, made: str) -> str:
    """Of the copy of `made` that the next release's migrations are tried on."""
    return fitted(database, f"{REHEARSED}{_stamp_in(made)}")


def is_made(name: str, database: str) -> bool:
    """Whether it was made beside `database` by a refresh, whichever that was."""
    stamp = _stamp_in(name)
    beside = (fitted(database, f"{what}{stamp}") for what in (MADE, REHEARSED))
    return bool(STAMP.fullmatch(stamp)) and name in beside


def _stamp_in(name: str) -> str:
    return name.rpartition("_")[2]
