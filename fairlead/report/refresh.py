"""What became of a refresh, as people read it; pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from fairlead.model import Phase, Refresh, RefreshState, duration, size
from fairlead.plain import lines_of
from fairlead.report.markdown import fenced, moment, table, text
from fairlead.report.rehearsal import rehearsed

OUTCOMES = {
    RefreshState.RUNNING: ("‼", "lost its lease, and is settled by the next one"),
    RefreshState.REFRESHED: ("✔", "succeeded"),
    RefreshState.REFUSED: ("✖", "was refused, nothing was touched"),
    RefreshState.FAILED: ("✖", "failed; the environment has the data that it had"),
    RefreshState.NOT_PUT_BACK: ("‼", "failed, and the old data was NOT put back"),
    RefreshState.UNDONE: ("↩", "was undone"),
}
LOG = 20  # last lines of the phase that failed


def refresh_report(row: Refresh, phases: Sequence[Phase]) -> str:
    """Markdown for somebody who was not there."""
    parts = (
        _headline(row),
        _facts(row),
        _phases(phases),
        rehearsed(row.figures.get("rehearsal")),
        _noticed(row),
        _log(phases),
    )
    return "\n".join(line for part in parts for line in part).strip()


def refresh_summary(row: Refresh) -> str:
    """For a list of reports."""
    mark, outcome = OUTCOMES[row.state]
    return f"{mark} refresh {row.id} of {row.environment} from {row.source} {outcome}"


def facts(row: Refresh) -> dict[str, str]:
    """What was counted, in words; of what was not, nothing."""
    known: Mapping[str, Any] = row.figures
    masked, tables = known.get("masked_columns"), known.get("tables")
    lines = {
        "What ran": f"release {row.release}" if row.release else "",
        "Read": f"backup {row.backup}" if row.backup else "the database",
        "Production": _size(known.get("source_bytes")),
        "Dump": _size(known.get("dump_bytes")),
        "New database": _size(known.get("new_bytes")),
        "Tenants": str(known.get("tenants", "")),
        "Masked": f"{masked} columns of {tables} tables" if masked is not None else "",
        "Emptied": f"{known['emptied_tables']} tables" if known.get("emptied_tables") else "",
        "Proven": f"{known['values_compared']} values" if "values_compared" in known else "",
        "Migrated": _listed(known.get("migrated")),
        "Carried over": str(known.get("carried", "")),
        "Took no connection for": f"{known['swap_ms']} ms" if "swap_ms" in known else "",
        "What it had before": _kept(row),
    }
    return {name: value for name, value in lines.items() if value}


def _size(count: int | None) -> str:
    return size(count) if count is not None else ""


def _listed(names: Sequence[str] | None) -> str:
    if names is None:
        return ""
    return ", ".join(names) or "nothing was pending"


def _kept(row: Refresh) -> str:
    if "kept" not in row.figures or row.state is not RefreshState.REFRESHED:
        return ""
    return f"{row.kept}{', removed since' if row.kept_removed_at else ''}"


def _headline(row: Refresh) -> Iterator[str]:
    mark, outcome = OUTCOMES[row.state]
    what = text(f"{row.project} {row.environment} from {row.source}")
    yield f"# {mark} Refresh {row.id}: {what} {outcome}"
    yield ""
    if row.error:
        yield from fenced(lines_of(row.error))


def _facts(row: Refresh) -> Iterator[str]:
    given = {
        "Asked for by": text(f"{row.requested_by}, {row.requested_via}"),
        "Began": moment(row.started_at),
        "Took": duration(row.seconds),
        **{name: text(words, 1000) for name, words in facts(row).items()},
    }
    yield from (f"- {name}: {value}" for name, value in given.items() if value)
    yield ""


def _phases(phases: Sequence[Phase]) -> Iterator[str]:
    if phases:
        yield "## Phases"
        yield ""
        yield from table(("Phase", "Outcome", "Took", "What it did"), map(_row, phases))


def _row(phase: Phase) -> tuple[str, ...]:
    took = duration(phase.seconds)
    return phase.name, phase.outcome or "not ended", took, text(phase.what)


def _noticed(row: Refresh) -> Iterator[str]:
    """Kept columns in which something personal stands."""
    noticed = row.figures.get("noticed")
    if noticed:
        yield "## Worth a look"
        yield ""
        yield from (f"- {text(line)}" for line in noticed)
        yield ""


def _log(phases: Sequence[Phase]) -> Iterator[str]:
    failed = [phase for phase in phases if phase.error and phase.log_tail]
    if failed:
        yield f"## What {failed[0].name} said last"
        yield ""
        yield from fenced(failed[0].log_tail.splitlines()[-LOG:])
