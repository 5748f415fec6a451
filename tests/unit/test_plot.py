"""The picture of changes over time."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.model import ChangesOfADay, Metrics
from fairlead.report.plot import MOST_BARS, Span, plot

UNTIL = date(2026, 3, 1)


@given(days=st.integers(1, 3650), back=st.integers(0, 3650))
def test_every_day_of_the_window_has_its_bar(days: int, back: int) -> None:
    each = -(-(days + 1) // MOST_BARS)
    span = Span(-(-(days + 1) // each), each, UNTIL)
    day = UNTIL - timedelta(days=min(back, days))
    assert 0 <= span.bar_of(day) < span.bars <= MOST_BARS
    assert span.bar_of(UNTIL) == span.bars - 1


@pytest.mark.parametrize("days", [1, 30, 91, 92, 365])
def test_all_changes_are_drawn(days: int) -> None:
    changes = [
        ChangesOfADay("dev", UNTIL - timedelta(days=back), good=2, failed=0) for back in range(days)
    ]
    drawn = plot([Metrics(environment="dev", days=days)], changes, UNTIL)
    assert 1 <= drawn.count("#4aa564") <= min(days, MOST_BARS)
    assert drawn.count("#c0392b") == 0


def test_nothing_changed_is_a_picture_too() -> None:
    assert "0 changes in 30 days" in plot([Metrics(environment="dev", days=30)], [], UNTIL)
