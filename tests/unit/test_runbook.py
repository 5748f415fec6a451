"""What the runbook quotes is what Fairlead says: whoever is woken looks for these words."""

from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

import pytest

from examples.stand.state import REPOSITORY
from fairlead import errors
from fairlead.cli.context import when
from fairlead.cli.following import tell_release
from fairlead.cli.screen import Screen
from fairlead.cli.watching import lines_of
from fairlead.database.refresh.identity import Identity, check_pair
from fairlead.database.refresh.room import Disk
from fairlead.model import (
    Drift,
    DriftKind,
    Lease,
    RefreshState,
    Release,
    ReleaseKind,
    ReleaseState,
)
from fairlead.notify import DriftNotice, Notice, RefreshNotice
from fairlead.notify.drift_message import build_drift_message
from fairlead.notify.refresh_message import build_refresh_message
from fairlead.notify.slack_message import build_message
from fairlead.refresh.room import words_of
from fairlead.status import status
from fairlead.watching import Look
from tests.bench.pages import blocks
from tests.unit.rows import RELEASE

SHA = "1b4f0e9851971998e732078544c96b36c3d01ced"
SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
HERE = SINCE.replace(tzinfo=SINCE.astimezone().tzinfo)  # as the reader's own clock shows it
HOLDER = "process 4711 on worker-1"
AWAY = errors.HostUnreachable("two.example.com", "Connection refused")
EXITED = errors.ContainerFailed(
    "web", "one.example.com", "exited with 3", ["cannot go on: no configuration"]
)
INDEX = 'IntegrityError: could not create unique index "customer_email_key"'
IMAGE = (
    "registry.example.com/shop/web@sha256:"
    "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"
)


def unmarked() -> errors.FairleadError:
    source = Identity("prod", "db:5432/prod", "7411", "prod", 0, None)
    target = Identity("uat", "db:5432/uat", "7412", "uat", 0, None)
    with pytest.raises(errors.WrongDatabase) as caught:
        check_pair("shop", source, target, productions=["prod"])
    return caught.value


ERRORS = (
    errors.RollbackFailed("prod", EXITED, AWAY),
    errors.NotSettled("prod", 12, str(AWAY)),
    errors.LeaseHeld("prod", HOLDER, SINCE, 12),
    errors.TenantsFailed({"demo": INDEX, "globex": INDEX}, 14, "the canary demo failed"),
    errors.PrefectUnreachable("http://127.0.0.1:4200/api", "[Errno 111] Connection refused"),
    errors.StoreUnreachable(
        "db.example.com:5432/fairlead",
        'connection failed: connection to server at "10.0.0.5", port 5432 failed: '
        "Connection refused",
    ),
    errors.ImageNotPulled(IMAGE, "one.example.com", "no space left on device"),
    errors.CannotSave(
        "prod",
        "the disk of /var/backups/shop has 1.2 GB free, and the backup will take about 3.4 GB",
        "Free some disk there, or name another: environments.prod.backup.place",
    ),
    errors.MaskingIncomplete(
        "app", ['"customer.second_email" = { hash = "email" }  # mail addresses']
    ),
    unmarked(),
    errors.RefreshFailed(
        "uat",
        "somebody waits for a lock that the dump of prod has (AccessExclusiveLock on customer), "
        "and prod goes first",
    ),
    errors.RefreshFailed(
        "uat",
        words_of(Disk(100 << 30, 412_000_000, "/var/lib/postgresql"), "host=db dbname=uat"),
    ),
)


def test_each_quoted_message_is_one_that_fairlead_says(capsys: pytest.CaptureFixture[str]) -> None:
    tell_release(release(ReleaseState.RUNNING), Screen(quiet=False, verbose=False))
    said = {
        capsys.readouterr().out.rstrip("\n"),
        *(str(error) for error in ERRORS),
        now(live=True),
        now(live=False),
        of_a_release(ReleaseState.ROLLBACK_FAILED),
        of_drift(),
        "\n".join(drift()),
        of_a_refresh(),
    }
    page = REPOSITORY / "docs" / "runbook.md"
    assert {block.text for block in blocks(page) if block.language == "text"} == said


def release(state: ReleaseState) -> Release:
    return replace(
        RELEASE, environment="prod", sha=SHA, state=state, requested_by="bob", ended_at=None
    )


def now(*, live: bool) -> str:
    """The column NOW of `fairlead status` for a release that goes on, or whose process died."""
    lease = Lease("prod", 1, HOLDER, 12, HERE, HERE)
    store = SimpleNamespace(
        leases=SimpleNamespace(get=lambda *_: lease, live=lambda _: [lease] if live else []),
        releases=SimpleNamespace(
            current=lambda *_: None, unfinished=lambda *_: release(ReleaseState.RUNNING)
        ),
        placements=SimpleNamespace(all=lambda *_: []),
    )
    config = SimpleNamespace(project="shop", environments={"prod": None})
    (found,) = status(cast(Any, SimpleNamespace(config=config, store=store)), when)
    return found.now


def of_a_release(state: ReleaseState) -> str:
    notice = Notice(
        project="shop",
        environment="prod",
        sha=SHA,
        kind=ReleaseKind.RELEASE,
        state=state,
        release=12,
    )
    return str(build_message(notice)["text"])


def of_drift() -> str:
    return str(
        build_drift_message(DriftNotice(project="shop", environment="prod", new=("…",)))["text"]
    )


def of_a_refresh() -> str:
    notice = RefreshNotice(
        project="shop", environment="uat", source="prod", refresh=12, state=RefreshState.FAILED
    )
    return str(build_refresh_message(notice)["text"])


def drift() -> list[str]:
    """What `fairlead drift` prints of a container that was killed."""
    name = "shop-prod-web-12-1"
    found = Drift(
        DriftKind.STOPPED, "one.example.com", name, f"{name} does not run", "exited with 137"
    )
    look = Look("prod", release(ReleaseState.SUCCEEDED), (found,))
    return list(lines_of(look, None, {(found.host, found.words): HERE}))
