"""What people read about drift and pruning in Prefect, and what is told of it, whole."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fairlead.branches import Distance
from fairlead.github import Apart
from fairlead.model import (
    Drift,
    DriftChanges,
    DriftKind,
    NotedDrift,
    Release,
)
from fairlead.notify import DriftNotice
from fairlead.pruning import Pruned, Removed
from fairlead.report import drift_report, drift_summary, prune_report
from fairlead.settling import Settled
from fairlead.telling import drift_notice
from fairlead.watching import Look
from tests.bench.bench import sha_of
from tests.unit.rows import RELEASE

SINCE = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
SHA = sha_of("v1")
SICK = Drift(DriftKind.UNHEALTHY, "one", "web-1", "web-1 is not healthy", "answered 503: <b>\nx")
GONE = Drift(DriftKind.GONE, "two", "web-1", "web-1 is gone")
AHEAD = Drift(DriftKind.AHEAD, "", "", "dev is 3 commits ahead of uat", "main...develop")


def release(environment: str) -> Release:
    return replace(RELEASE, id=7, environment=environment, sha=SHA, started_at=SINCE)


DEV = Look("dev", release("dev"), (SICK,))
UAT = Look("uat", release("uat"))
PROD = Look("prod", None)
BUSY = Look("busy", release("busy"), unjudged="it is being changed by process 1 on x")
DISTANCES = [
    Distance("dev", "uat", "main...develop", Apart(3, 0)),
    Distance("uat", "prod", "", problem="GitHub is away."),
]


def noted(*drifts: Drift) -> list[NotedDrift]:
    return [NotedDrift("dev", drift, SINCE) for drift in drifts]


CHANGES = [
    DriftChanges("dev", new=noted(SICK, AHEAD), gone=noted(GONE, GONE), open=noted(SICK)),
    DriftChanges("uat", open=noted(AHEAD)),
    DriftChanges("prod"),
    DriftChanges("busy", open=noted(SICK)),
]


def test_the_page_says_first_whether_anything_is_wrong_and_then_what_to_run() -> None:
    settled = [Settled("uat", "Release 6 (1a2b3c4): it was put back")]
    told = drift_report("shop", [DEV, UAT, PROD, BUSY], CHANGES, DISTANCES, settled)
    entry = (
        "- **one**: web-1 is not healthy, since 2026-01-02 03:04:05 UTC\n"
        "    - Why: answered 503\\: \\<b\\> x\n"
        f"    - What to run: fairlead release dev {SHA} --force\n\n"
    )
    assert told == (
        "# shop: 2 things are not as released\n\n"
        "## Left by processes that died\n\n"
        "- uat\\: Release 6 (1a2b3c4)\\: it was put back\n\n"
        f"## dev ({SHA[:7]}, release 7)\n\nNot as released:\n\n{entry}"
        f"## uat ({SHA[:7]}, release 7)\n\nAs released.\n\n"
        "## prod\n\nNothing was released here.\n\n"
        f"## busy ({SHA[:7]}, release 7)\n\n"
        f"Not looked at: it is being changed by process 1 on x. Known from before:\n\n{entry}"
        "## What waits\n\n"
        "- dev is 3 commits ahead of uat, since 2026-01-02 03:04:05 UTC\n"
        "    - main...develop\n"
        "- how far uat is ahead of prod is not known\n"
        "    - GitHub is away."
    )


def test_a_good_night_is_told_in_one_line() -> None:
    assert drift_report("shop", [], [], [], []) == "# shop: everything runs as it was released"
    told = drift_summary([UAT], [DriftChanges("uat")], [])
    assert told == "everything runs as it was released"


def test_the_run_says_what_is_new_and_what_is_no_more() -> None:
    settled = [Settled("uat", problem="The host is away.\nStart it.")]
    assert drift_summary([DEV, BUSY], CHANGES[:1], settled) == (
        "1 thing is not as released; 1 new; 2 no more; uat: The host is away.; "
        "busy not looked at: it is being changed by process 1 on x"
    )


def test_a_notice_holds_what_has_changed_and_what_to_run_first() -> None:
    told = drift_notice("shop", "https://dev", SHA, CHANGES[0])
    assert told == DriftNotice(
        project="shop",
        environment="dev",
        new=("one: web-1 is not healthy (answered 503: <b>\nx)",),
        behind="dev is 3 commits ahead of uat",
        gone=("two: web-1 is gone", "two: web-1 is gone"),
        left=1,
        next_step=f"fairlead release dev {SHA} --force",
        url="https://dev",
    )


@pytest.mark.parametrize(
    "changes", [DriftChanges("dev", open=noted(SICK)), DriftChanges("dev", gone=noted(AHEAD))]
)
def test_nothing_is_told_where_nothing_has_changed_or_a_release_tells_it(
    changes: DriftChanges,
) -> None:
    assert drift_notice("shop", "https://dev", SHA, changes) is None


def test_pruning_says_how_much_and_what_and_where_nothing_was_touched() -> None:
    pruned = Pruned(
        [Removed("one", "container", "web-3-1"), Removed("one", "image", "r/web@sha256:1", 1500)],
        ["two: nothing was touched. Release 7 to uat is not over."],
        ["three: The Docker engine does not answer."],
    )
    assert prune_report("shop", pruned, dry_run=False) == (
        "# shop: 2 things removed, up to 1.5 kB freed\n\n"
        "- three\\: The Docker engine does not answer.\n"
        "- two\\: nothing was touched. Release 7 to uat is not over.\n"
        "- one\\: container web-3-1\n"
        "- one\\: image r/web\\@sha256\\:1"
    )


@pytest.mark.parametrize(
    ("apart", "words"),
    [
        (Apart(0, 0), "level with"),
        (Apart(1, 0), "1 commit ahead of"),
        (Apart(0, 2), "2 commits behind"),
        (Apart(3, 1), "3 commits ahead of and 1 commit behind"),
    ],
)
def test_a_distance_is_told_and_is_news_where_there_is_one(apart: Apart, words: str) -> None:
    found = Distance("dev", "uat", "b...a", apart)
    assert found.words == f"dev is {words} uat"
    news = Drift(DriftKind.AHEAD, "", "", found.words, "b...a")
    assert found.drift == (None if apart == Apart(0, 0) else news)


def test_a_distance_that_nobody_knows_is_no_news() -> None:
    assert DISTANCES[1].drift is None
