"""What people read in Slack about drift, whole."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.notify import DriftNotice
from fairlead.notify.drift_message import build_drift_message
from tests.bench import hostile
from tests.unit.test_slack_message import shown

COMMAND = "All of it: `fairlead drift prod`"


def message(**given: Any) -> dict[str, Any]:
    return build_drift_message(DriftNotice(project="shop", environment="prod", **given))


def test_what_is_new_comes_first_and_says_what_to_run() -> None:
    told = message(
        new=("one: web-1 is gone", "one: web-2 is not healthy (`503` <!channel>)"),
        behind="uat is 3 commits ahead",
        gone=("two: web-1 is gone",),
        left=2,
        next_step="fairlead release prod 4f1c --force",
        url="https://shop.example/",
    )
    assert told == shown(
        "✖ shop prod: what runs is not what was released",
        "Otherwise than released:\n• one: web-1 is gone\n"
        "• one: web-2 is not healthy ('503' &lt;!channel&gt;)",
        "uat is 3 commits ahead",
        "No more:\n• two: web-1 is gone",
        "What to do: `fairlead release prod 4f1c --force`\n"
        f"{COMMAND}\n<https://shop.example/|Open the environment>",
    )


@pytest.mark.parametrize(
    ("given", "headline"),
    [
        ({"left": 0}, "✔ shop prod: what was released runs again"),
        ({"left": 2}, "… shop prod: some of it is as released again, and some is not yet: 2"),
    ],
)
def test_what_is_gone_says_whether_anything_is_left(given: Any, headline: str) -> None:
    told = message(gone=("one: web-1 is gone",), **given)
    assert told == shown(headline, "No more:\n• one: web-1 is gone", COMMAND)


def test_commits_that_wait_are_told_alone_when_nothing_else_is_new() -> None:
    assert message(behind="uat is 3 commits ahead") == shown(
        "… shop prod: uat is 3 commits ahead", COMMAND
    )


def test_a_host_full_of_drift_fits_into_a_message() -> None:
    told = message(new=tuple(f"one: {'x' * 400} {at}" for at in range(50)), left=50)
    (lines,) = [block["text"]["text"] for block in told["blocks"][1:2]]
    assert len(lines) < 3000
    assert lines.splitlines()[-1] == "and 42 more"


TEXT = hostile.HOSTILE | st.sampled_from(["<!here>", "&" * 4000, "😀" * 4000])
LINES = st.lists(TEXT, max_size=20).map(tuple)


@given(
    st.builds(
        DriftNotice,
        project=st.just("shop"),
        environment=st.just("prod"),
        new=LINES,
        behind=TEXT,
        gone=LINES,
        left=st.integers(0, 99),
        next_step=TEXT,
        url=TEXT | TEXT.map("https://x.example/".__add__),
    )
)
def test_whatever_hosts_and_containers_are_called_is_harmless(notice: DriftNotice) -> None:
    assert hostile.wrong_for_slack(build_drift_message(notice)) == []
