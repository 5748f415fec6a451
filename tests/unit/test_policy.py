"""Freeze windows, in the wall-clock time of their zone."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.policy import DAYS, frozen_until, parse_window

BERLIN = "Europe/Berlin"
WEEKEND = "fri 16:00 - mon 08:00"
CHRISTMAS = "2026-12-18 16:00 - 2027-01-04 08:00"


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(BERLIN))


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-27 15:59", None),
        ("2026-11-27 16:00", "2026-11-30 08:00"),
        ("2026-11-29 23:59", "2026-11-30 08:00"),
        ("2026-11-30 07:59", "2026-11-30 08:00"),
        ("2026-11-30 08:00", None),
        # The night in which clocks go back: it ends at eight by the clock on the wall.
        ("2026-10-24 12:00", "2026-10-26 08:00"),
        ("2026-12-17 12:00", None),
        ("2026-12-23 12:00", "2027-01-04 08:00"),
        ("2026-12-19 12:00", "2027-01-04 08:00"),  # two hold: the later end counts
        ("2027-01-04 08:00", None),
    ],
)
def test_a_window_holds_from_its_beginning_until_its_end(now: str, until: str | None) -> None:
    ends = frozen_until([WEEKEND, CHRISTMAS], BERLIN, berlin(now).astimezone(UTC))
    assert ends == (berlin(until) if until else None)


def test_without_windows_nothing_is_ever_frozen() -> None:
    assert frozen_until([], "UTC", datetime(2026, 11, 28, tzinfo=UTC)) is None


MINUTES = st.integers(0, 7 * 24 * 60 - 1)


def words(minute: int) -> str:
    return f"{DAYS[minute // 1440]} {minute % 1440 // 60:02d}:{minute % 60:02d}"


@given(MINUTES, MINUTES.filter(bool), MINUTES)
def test_a_weekly_window_holds_for_its_length_in_each_week(
    begin: int, length: int, later: int
) -> None:
    monday = datetime(2026, 1, 5, tzinfo=UTC)
    window = f"{words(begin)} - {words((begin + length) % (7 * 24 * 60))}"
    ends = frozen_until([window], "UTC", monday + timedelta(minutes=begin + later))
    inside = later < length
    assert ends == (monday + timedelta(minutes=begin + length) if inside else None)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "fri - mon",
        "Fri 16:00 - mon 08:00",
        "fri 24:00 - mon 08:00",
        "fri 16:00 - fri 16:00",
        "2026-13-01 00:00 - 2027-01-01 00:00",
        "2026-12-24 00:00 - 2026-12-23 00:00",
        "fri 16:00 - 2026-12-23 00:00",
    ],
)
def test_what_is_no_window_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"should be like|month must be"):
        parse_window(text)
