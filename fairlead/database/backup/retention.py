"""Which backups may go; pure."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from fairlead.model import Backup, BackupKind, BackupState


def to_remove(
    backups: Sequence[Backup],
    *,
    keep: int,
    keep_days: int,
    needed: Collection[int],
    now: datetime,
) -> list[Backup]:
    """The proven ones beyond the `keep` newest that are `keep_days` old, but none that was made
    before one of the releases `needed`: to go back to before it takes the database of then. What a
    command made is kept where it made it."""
    ours = (BackupKind.DUMP, BackupKind.TEMPLATE)
    proven = [one for one in backups if one.state is BackupState.PROVEN and one.kind in ours]
    newest = sorted(proven, key=lambda one: one.id, reverse=True)
    old = now - timedelta(days=keep_days)
    return [
        one
        for one in newest[max(1, keep) :]
        if one.started_at < old and (one.release is None or one.release not in needed)
    ]
