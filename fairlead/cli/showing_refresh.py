"""One refresh as a person reads it."""

from collections.abc import Sequence

from fairlead.cli.context import took, when
from fairlead.cli.tables import print_line, print_lines, print_table
from fairlead.model import Phase, Refresh
from fairlead.report.refresh import facts


def show_refresh(row: Refresh, phases: Sequence[Phase], *, logs: bool) -> None:
    undone = f"{when(row.undone_at)}, {row.undone_by}" if row.undone_at else ""
    print_lines(
        [
            ("refresh", str(row.id)),
            ("environment", row.environment),
            ("from", row.source),
            ("state", row.state),
            ("by", f"{row.requested_by}, {row.requested_via}"),
            ("started", when(row.started_at)),
            ("took", took(row.seconds)),
            *((name.lower(), words) for name, words in facts(row).items()),
            ("undone", undone),
            ("error", row.error or ""),
        ]
    )
    print_line("")
    print_table(("PHASE", "OUTCOME", "TOOK", "WHAT"), map(_row, phases), empty="None was begun.")
    for phase in phases if logs else ():
        if phase.log_tail:
            print_line("")
            print_line(phase.name, "bold")
            print_lines([("", phase.log_tail)])


def _row(phase: Phase) -> tuple[str, ...]:
    what = phase.detail or (phase.error or "").partition("\n")[0]
    return phase.name, phase.outcome or "not ended", took(phase.seconds), what
