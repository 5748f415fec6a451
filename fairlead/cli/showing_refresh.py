"""One refresh as a person reads it."""

from collections.abc import Sequence

from fairlead.cli.context import when
from fairlead.cli.showing import print_logs, print_pieces
from fairlead.cli.tables import print_line, print_lines
from fairlead.model import Phase, Refresh, duration
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
            ("took", duration(row.seconds)),
            *((name.lower(), words) for name, words in facts(row).items()),
            ("undone", undone),
            ("error", row.error or ""),
        ]
    )
    print_line("")
    print_pieces("phase", phases)
    if logs:
        print_logs(phases)
