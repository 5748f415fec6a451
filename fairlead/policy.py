"""When an environment may be released to: freeze windows. Pure.

A window is `fri 16:00 - mon 08:00`, which comes every week, or `2026-12-18 16:00 - 2027-01-04
08:00`, which comes once; in the wall-clock time of a zone of the IANA database.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
WEEK = 7 * 24 * 60  # minutes
_TIME = r"([01]\d|2[0-3]):([0-5]\d)"
_WEEKLY = re.compile(rf"({'|'.join(DAYS)}) {_TIME} - ({'|'.join(DAYS)}) {_TIME}")
_ONCE = re.compile(rf"(\d{{4}}-\d\d-\d\d {_TIME}) - (\d{{4}}-\d\d-\d\d {_TIME})")


@dataclass(frozen=True, slots=True)
class Weekly:
    """From minute `begin` of the week, which begins on Monday, for `length` minutes."""

    begin: int
    length: int

    def end(self, now: datetime) -> datetime | None:
        """When it ends, if it holds at `now`, which has no zone."""
        minute = now.replace(second=0, microsecond=0)
        elapsed = (now.weekday() * 1440 + now.hour * 60 + now.minute - self.begin) % WEEK
        return minute + timedelta(minutes=self.length - elapsed) if elapsed < self.length else None


@dataclass(frozen=True, slots=True)
class Once:
    """From `first` to `last`, without a zone."""

    first: datetime
    last: datetime

    def end(self, now: datetime) -> datetime | None:
        return self.last if self.first <= now < self.last else None


def parse_window(text: str) -> Weekly | Once:
    """Raises ValueError."""
    if weekly := _WEEKLY.fullmatch(text):
        begin, end = _minute(*weekly.groups()[:3]), _minute(*weekly.groups()[3:])
        if begin != end:
            return Weekly(begin, (end - begin) % WEEK)
    elif once := _ONCE.fullmatch(text):
        first, last = datetime.fromisoformat(once[1]), datetime.fromisoformat(once[4])
        if first < last:
            return Once(first, last)
    raise ValueError(
        'should be like "fri 16:00 - mon 08:00" or "2026-12-18 16:00 - 2027-01-04 08:00"'
    )


def _minute(day: str, hour: str, minute: str) -> int:
    return DAYS.index(day) * 1440 + int(hour) * 60 + int(minute)


def frozen_until(windows: Iterable[str], zone: str, now: datetime) -> datetime | None:
    """When the last window that holds at `now` ends; None when none does."""
    here = now.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    ends = [end for window in windows if (end := parse_window(window).end(here)) is not None]
    return max(ends).replace(tzinfo=ZoneInfo(zone)) if ends else None
