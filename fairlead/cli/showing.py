"""One release as a person reads it."""

from collections.abc import Sequence

from fairlead.cli.context import when
from fairlead.cli.tables import print_line, print_lines, print_table
from fairlead.model import (
    Backup,
    BackupState,
    Image,
    Piece,
    Release,
    Step,
    TenantMigration,
    duration,
)


def show_release(
    release: Release,
    steps: Sequence[Step],
    images: Sequence[Image],
    backup: Backup | None,
    tenants: Sequence[TenantMigration],
    *,
    logs: bool,
) -> None:
    """`tenants` are those that are not at the release."""
    print_lines(
        [
            ("release", str(release.id)),
            ("environment", release.environment),
            ("commit", release.sha),
            ("kind", f"{release.kind}{f' from {release.source}' if release.source else ''}"),
            ("state", release.state),
            ("by", f"{release.requested_by}, {release.requested_via}"),
            ("reason", release.reason),
            ("started", when(release.started_at)),
            ("took", duration(release.seconds)),
            ("requests", _requests(release)),
            ("saved before", _saved(backup)),
            ("replaces", f"release {release.replaces}" if release.replaces else ""),
            ("error", release.error or ""),
        ]
    )
    print_line("")
    print_pieces("step", steps)
    if images:
        print_line("")
        print_table(("SERVICE", "IMAGE"), [(image.service, image.reference) for image in images])
    if tenants:
        print_line("")
        rows = [(one.tenant, one.state, str(one.attempts), one.at, one.error) for one in tenants]
        print_table(("TENANT", "STATE", "TRIES", "AT", "ERROR"), rows)
    if logs:
        print_logs(steps)


def print_pieces(noun: str, pieces: Sequence[Piece]) -> None:
    rows = [
        (one.title, one.outcome or "not ended", duration(one.seconds), one.what) for one in pieces
    ]
    print_table((noun.upper(), "OUTCOME", "TOOK", "WHAT"), rows, empty=f"No {noun} was begun.")


def print_logs(pieces: Sequence[Piece]) -> None:
    for one in pieces:
        if one.log_tail:
            print_line("")
            print_line(one.title, "bold")
            print_lines([("", one.log_tail)])


def _saved(backup: Backup | None) -> str:
    if backup is None:
        return ""
    state = "" if backup.state is BackupState.PROVEN else f" ({backup.state})"
    took_ = f", in {duration(backup.seconds)}" if backup.seconds is not None else ""
    return f"{backup.words}{took_}{state}"


def _requests(release: Release) -> str:
    if release.requests_answered is None:
        return ""
    return f"{release.requests_answered} answered, {release.requests_lost} lost"
