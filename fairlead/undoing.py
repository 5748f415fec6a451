"""What becomes of the database where a release fails after it was migrated, as `on_failure` has it.

The code goes back first, always: what ran before serves on the migrated database meanwhile.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress

from fairlead.database.reverse import applied_before
from fairlead.database.written import Written, in_words, written
from fairlead.errors import FairleadError
from fairlead.model import Backup, BackupKind, BackupState
from fairlead.restoring import put_in_place
from fairlead.reversing import Undone, undo_migrations
from fairlead.run import Run
from fairlead.saving import translated, way_to

Say = Callable[[str], None]


def remember_before(run: Run, say: Say) -> None:
    """What going back will need, before anything is migrated.

    Raises JobFailed, DatabaseUnreachable, CannotSave."""
    if run.nothing_pending:
        return
    if run.settings.on_failure == "reverse" and run.choice.django:
        parts = applied_before(run.sites[0], run.running_target, say)
        run.store.applied.keep(run.release.id, parts)
    if run.settings.on_failure == "restore":
        run.written_before = _written(run)


def remember_after(run: Run) -> None:
    """A database that cannot be asked is not restored by itself later."""
    if run.written_before is not None:
        with suppress(FairleadError):
            run.written_after = _written(run)


def undo(run: Run, say: Say) -> Undone:
    """Raises ReverseFailed, RestoreFailed, BackupBroken, DatabaseUnreachable, CannotSave."""
    if run.settings.on_failure == "restore":
        return _restored(run, say)
    return undo_migrations(run.project, run.release, run.sites[0], run.running_target, say)


def _restored(run: Run, say: Say) -> Undone:
    backup = run.store.backups.of_release(run.release.id)
    if backup is None or backup.state is not BackupState.PROVEN:
        why = "the database keeps what was migrated: no backup was made of it"
        known = run.applied or not run.choice.tells
        return Undone(False, why if known else "no migration had been applied")
    why = _why_not(run, backup)
    if why:
        environment = run.release.environment
        command = f"fairlead restore {environment} {backup.id}{' --force' if run.served else ''}"
        return Undone(
            False, f"backup {backup.id} was not restored: {why}. If that is meant: {command}"
        )
    kept = put_in_place(
        run.project, backup, run.lease, made_by=f"release {run.release.id}", say=say
    )
    return Undone(True, f"backup {backup.id} is restored; the database it had is kept as {kept}")


def _why_not(run: Run, backup: Backup) -> str:
    """Why it may not be put in place by itself; empty where it may."""
    if backup.kind is BackupKind.COMMAND:
        return f"a command made it, and calls it {backup.place}"
    if run.served:
        return "the new version has served requests"
    lost = _lost(run, backup)
    if lost is None:
        return "how much was written since cannot be told"
    return f"what was written since would be lost: rows of {in_words(lost)}" if lost else ""


def _lost(run: Run, backup: Backup) -> Mapping[str, int] | None:
    """Rows written between the backup and the migration and after it, by others than the migration.
    What was written while it ran is taken for its own."""
    if backup.written is None or run.written_before is None or run.written_after is None:
        return None
    saved = Written(**backup.written)
    parts = (saved.until(run.written_before), run.written_after.until(_written(run)))
    counts: dict[str, int] = {}
    for part in parts:
        if part is None:
            return None
        for name, count in part.items():
            counts[name] = counts.get(name, 0) + count
    return counts


def _written(run: Run) -> Written:
    environment = run.release.environment
    with way_to(run.project, environment) as conninfo, translated(environment, conninfo):
        return written(conninfo)
