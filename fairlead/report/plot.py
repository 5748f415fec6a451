"""The changes of each environment over time, as a picture; pure."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from fairlead.model import ChangesOfADay, Metrics, duration
from fairlead.report.svg import drawing, rectangle, text

WIDTH, LEFT, HIGH, HEAD, GAP = 760, 40, 60, 22, 26  # pixels
GOOD, FAILED, AXIS = "#4aa564", "#c0392b", "#8c8c8c"
MOST_BARS = 92


@dataclass(frozen=True, slots=True)
class Span:
    """The bars of a picture: each of `days` days, the last ends with `until`."""

    bars: int
    days: int
    until: date

    @property
    def since(self) -> date:
        return self.until - timedelta(days=self.bars * self.days - 1)

    def bar_of(self, day: date) -> int:
        return (day - self.since).days // self.days

    @property
    def width(self) -> float:
        return (WIDTH - LEFT - 10) / self.bars


def plot(found: Sequence[Metrics], changes: Sequence[ChangesOfADay], until: date) -> str:
    """One row of bars for each of `found`: a day each, or several where a day would be too thin.
    `until` is today, in UTC; a window of n times 24 hours touches n + 1 days."""
    days = max((one.days for one in found), default=1) + 1
    each = -(-days // MOST_BARS)
    span = Span(-(-days // each), each, until)
    counted = {one.environment: _counted(one.environment, changes, span) for one in found}
    most = max((sum(pair) for bars in counted.values() for pair in bars), default=0)
    parts, y = [], 0.0
    for one in found:
        parts += _row(one, counted[one.environment], span, most, y)
        y += HEAD + HIGH + GAP
    return drawing(WIDTH, y, parts)


def _counted(
    environment: str, changes: Sequence[ChangesOfADay], span: Span
) -> list[tuple[int, int]]:
    """For each bar those that went well and those that failed."""
    good: Counter[int] = Counter()
    failed: Counter[int] = Counter()
    for one in changes:
        if one.environment == environment:
            good[span.bar_of(one.day)] += one.good
            failed[span.bar_of(one.day)] += one.failed
    return [(good[bar], failed[bar]) for bar in range(span.bars)]


def _row(
    one: Metrics, bars: Sequence[tuple[int, int]], span: Span, most: int, top: float
) -> list[str]:
    floor = top + HEAD + HIGH
    parts = [text(8, top + 14, one.environment, "bold"), text(100, top + 14, words(one))]
    parts += [
        text(8, top + HEAD + 8, str(most)),
        rectangle(LEFT, floor, WIDTH - LEFT - 10, 1, AXIS),
    ]
    for at, (good, failed) in enumerate(bars):
        x, y = LEFT + at * span.width, floor
        for count, colour in ((good, GOOD), (failed, FAILED)):
            if count:
                high = HIGH * count / most
                y -= high
                parts.append(rectangle(x, y, max(1.0, span.width - 1), high, colour))
    parts += [
        text(LEFT, floor + 13, f"{span.since}"),
        text(WIDTH - 75, floor + 13, f"{span.until}"),
    ]
    return parts


def words(one: Metrics) -> str:
    """In one line."""
    changes = "1 change" if one.changes == 1 else f"{one.changes} changes"
    parts = [f"{changes} in {one.days} days"]
    if one.lead.median is not None:
        parts.append(f"lead time {duration(one.lead.median)}")
    if one.failure_ratio is not None:
        parts.append(f"{one.failure_ratio:.0%} failed")
    if one.restore.median is not None:
        parts.append(f"restored in {duration(one.restore.median)}")
    return ", ".join(parts)
