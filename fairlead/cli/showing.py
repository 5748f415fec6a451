"""One release as a person reads it."""

from collections.abc import Sequence

from fairlead.cli.context import took, when
from fairlead.cli.tables import print_line, print_lines, print_table
from fairlead.model import Backup, BackupState, Image, Release, Step, TenantMigration


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
            ("took", took(release.seconds)),
            ("requests", _requests(release)),
            ("saved before", _saved(backup)),
            ("replaces", f"release {release.replaces}" if release.replaces else ""),
            ("error", release.error or ""),
        ]
    )
    print_line("")
    columns = ("STEP", "OUTCOME", "TOOK", "WHAT")
    print_table(columns, [_row(step) for step in steps], empty="No step was begun.")
    if images:
        print_line("")
        print_table(("SERVICE", "IMAGE"), [(image.service, image.reference) for image in images])
    if tenants:
        print_line("")
        rows = [(one.tenant, one.state, str(one.attempts), one.at, one.error) for one in tenants]
        print_table(("TENANT", "STATE", "TRIES", "AT", "ERROR"), rows)
    for step in steps if logs else ():
        if step.log_tail:
            print_line("")
            print_line(_called(step), "bold")
            print_lines([("", step.log_tail)])


def _saved(backup: Backup | None) -> str:
    if backup is None:
        return ""
    state = "" if backup.state is BackupState.PROVEN else f" ({backup.state})"
    took_ = f", in {took(backup.seconds)}" if backup.seconds is not None else ""
    return f"{backup.words}{took_}{state}"


def _requests(release: Release) -> str:
    if release.requests_answered is None:
        return ""
    return f"{release.requests_answered} answered, {release.requests_lost} lost"


def _called(step: Step) -> str:
    return step.name if step.attempt == 1 else f"{step.name} (try {step.attempt})"


def _row(step: Step) -> tuple[str, ...]:
    seconds = (step.ended_at - step.started_at).total_seconds() if step.ended_at else None
    what = step.detail or (step.error or "").partition("\n")[0]
    return _called(step), step.outcome or "not ended", took(seconds), what
