"""What runs otherwise than it was released, for somebody who was woken; pure."""

from collections.abc import Iterator, Mapping, Sequence

from fairlead.branches import Distance
from fairlead.drift import next_step
from fairlead.model import DriftChanges, NotedDrift
from fairlead.report.markdown import moment, text
from fairlead.settling import Settled
from fairlead.watching import Look


def drift_summary(
    looks: Sequence[Look], changes: Sequence[DriftChanges], settled: Sequence[Settled]
) -> str:
    """One line for the list of runs."""
    new = sum(one.drift.is_fault for each in changes for one in each.new)
    gone = sum(one.drift.is_fault for each in changes for one in each.gone)
    parts = [
        _headline(changes),
        f"{new} new" if new else "",
        f"{gone} no more" if gone else "",
        *(one.line for one in settled),
        *(f"{look.environment} not looked at: {look.unjudged}" for look in looks if look.unjudged),
    ]
    return "; ".join(filter(None, parts))


def drift_report(
    project: str,
    looks: Sequence[Look],
    changes: Sequence[DriftChanges],
    distances: Sequence[Distance],
    settled: Sequence[Settled],
) -> str:
    """Markdown: first whether anything is wrong, then what, since when, and what to run."""
    open = {one.environment: one.open for one in changes}
    lines = [f"# {text(project)}: {_headline(changes)}", ""]
    lines += _settled(settled)
    for look in looks:
        lines += _environment(look, open[look.environment])
    lines += _distances(distances, open)
    return "\n".join(lines).strip()


def _headline(changes: Sequence[DriftChanges]) -> str:
    faults = sum(one.drift.is_fault for each in changes for one in each.open)
    if not faults:
        return "everything runs as it was released"
    return f"{'1 thing is' if faults == 1 else f'{faults} things are'} not as released"


def _settled(settled: Sequence[Settled]) -> Iterator[str]:
    if settled:
        yield "## Left by processes that died"
        yield ""
        yield from (f"- {text(one.line, 2000)}" for one in settled)
        yield ""


def _environment(look: Look, open: Sequence[NotedDrift]) -> Iterator[str]:
    sha = look.current.sha if look.current else ""
    runs = f" ({sha[:7]}, release {look.current.id})" if look.current else ""
    faults = [one for one in open if one.drift.is_fault]
    yield f"## {text(look.environment)}{runs}"
    yield ""
    yield _state(look, faults)
    yield ""
    for one in faults:
        yield from _fault(one, sha)
    if faults:
        yield ""


def _state(look: Look, faults: Sequence[NotedDrift]) -> str:
    if look.unjudged:
        known = " Known from before:" if faults else ""
        return f"Not looked at: {text(look.unjudged)}.{known}"
    if faults:
        return "Not as released:"
    return "As released." if look.current else "Nothing was released here."


def _fault(noted: NotedDrift, sha: str) -> Iterator[str]:
    drift = noted.drift
    where = f"**{text(drift.host)}**: " if drift.host else ""
    yield f"- {where}{text(drift.words)}, since {moment(noted.opened_at)}"
    if drift.detail:
        yield f"    - Why: {text(drift.detail)}"
    yield f"    - What to run: {text(next_step(drift, noted.environment, sha))}"


def _distances(
    distances: Sequence[Distance], open: Mapping[str, Sequence[NotedDrift]]
) -> Iterator[str]:
    if distances:
        yield "## What waits"
        yield ""
        for one in distances:
            since = [at.opened_at for at in open[one.target] if at.drift == one.drift]
            yield f"- {text(one.words)}{f', since {moment(since[0])}' if since else ''}"
            if one.compared or one.problem:
                yield f"    - {text(one.problem or one.compared)}"
