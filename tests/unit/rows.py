"""Rows of the history as they usually are; a test says what is otherwise in its own."""

from datetime import UTC, datetime, timedelta

from fairlead.model import (
    Backup,
    BackupKind,
    BackupState,
    Release,
    ReleaseKind,
    ReleaseState,
)

BEGAN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
RELEASE = Release(
    id=12,
    project="shop",
    environment="dev",
    sha="5e6f7a8" + "0" * 33,
    kind=ReleaseKind.RELEASE,
    state=ReleaseState.SUCCEEDED,
    source=None,
    requested_by="alice",
    requested_via="prefect",
    reason="the price of veal",
    replaces=11,
    origin=12,
    request=None,
    started_at=BEGAN,
    ended_at=BEGAN + timedelta(seconds=12.4),
    error=None,
    requests_answered=345,
    requests_lost=0,
    config_digest="",
    flow_run=None,
)
BACKUP = Backup(
    id=7,
    project="shop",
    environment="dev",
    release=12,
    kind=BackupKind.DUMP,
    state=BackupState.PROVEN,
    place="/b/shop/dev/20260102T030405Z-7",
    database="shop",
    system="7",
    server="PostgreSQL 16.4",
    database_bytes=1_000_000_000,
    bytes=200_000_000,
    manifest="ab",
    made_by="alice",
    started_at=BEGAN,
    ended_at=BEGAN + timedelta(seconds=10),
    proven_at=BEGAN + timedelta(seconds=10),
    drilled_at=None,
    removed_at=None,
    error=None,
)
