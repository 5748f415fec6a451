"""How the next release would go on the data of a refresh, as people read it; pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from fairlead.model import duration
from fairlead.report.markdown import fenced, table, text

SHOWN = 20  # migrations, the slowest first


def rehearsed(found: Mapping[str, Any] | None) -> Iterator[str]:
    """`found` is as a Rehearsal is kept; what it comes to stands with the phases already."""
    if found is None or not (found["migrations"] or found["slowest"] or found["failure"]):
        return
    yield "## The next release"
    yield ""
    slowest = sorted(found["migrations"], key=lambda one: -one[1])
    rows = [(text(name), duration(seconds)) for name, seconds in slowest[:SHOWN]]
    rows += [(f"tenant {text(name)}", duration(took)) for name, took in found["slowest"]]
    if rows:
        yield from table(("Slowest", "Would take"), rows)
    if found["failure"]:
        where = f" at {text(found['at'])}" if found["at"] else ""
        yield f"It would fail{where}:"
        yield ""
        yield from fenced([found["failure"], *found["tail"]])
