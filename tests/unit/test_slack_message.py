"""What people read in Slack, whole; and that no text of others does anything in there."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.model import ReleaseKind, ReleaseState, StepName
from fairlead.notify import Notice
from fairlead.notify.mrkdwn import code_block, link, one_line
from fairlead.notify.slack_message import OUTCOMES, build_message, build_reply
from tests.bench import hostile

NOTICE = Notice(
    release=42,
    project="shop",
    environment="prod",
    sha="4f1c6f0e9d3b2a1807f6e5d4c3b2a190f8e7d6c5",
    kind=ReleaseKind.RELEASE,
    state=ReleaseState.RUNNING,
)


def shown(*texts: str) -> dict[str, Any]:
    """The message with a section for each of `texts`; the first is the headline."""
    return {
        "text": texts[0],
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}
            for text in (f"*{texts[0]}*", *texts[1:])
        ],
        "parse": "none",
        "link_names": False,
    }


def test_a_release_that_runs_says_its_step() -> None:
    notice = replace(
        NOTICE,
        requested_by="alice",
        reason="fix the price of veal",
        step=StepName.DEPLOY,
        seconds=12.4,
        url="https://prod.example/",
        run_url="https://prefect.example/runs/1?a=1&b=2",
    )
    assert build_message(notice) == shown(
        "… Release 42: shop 4f1c6f0 to prod is running",
        "Asked for by: alice\nWhy: fix the price of veal\nStep: deploy\nTime: 12.4 s",
        "<https://prod.example/|Open the environment> · "
        "<https://prefect.example/runs/1?a=1&amp;b=2|Open the run>",
    )


def test_a_release_that_waits_says_what_is_unsafe_of_its_migrations() -> None:
    said = "2 migrations pending; breaks the code that runs now in 1 place"
    notice = replace(NOTICE, state=ReleaseState.WAITING, requested_by="alice", migrations=said)
    assert build_message(notice) == shown(
        "… Release 42: shop 4f1c6f0 to prod waits for approval",
        f"Asked for by: alice\nMigrations: {said}",
    )


def test_a_release_that_succeeded_says_how_many_requests_were_lost() -> None:
    notice = replace(
        NOTICE,
        kind=ReleaseKind.PROMOTION,
        state=ReleaseState.SUCCEEDED,
        seconds=125,
        requests_answered=1204,
        requests_lost=0,
    )
    assert build_message(notice) == shown(
        "✔ Promotion 42: shop 4f1c6f0 to prod succeeded",
        "Time: 2 min 05 s\nRequests meanwhile: 1204 answered, 0 lost",
    )


def test_a_bare_notice_is_a_headline() -> None:
    assert build_message(NOTICE) == shown("… Release 42: shop 4f1c6f0 to prod is running")


FAILED = replace(
    NOTICE,
    state=ReleaseState.ROLLED_BACK,
    previous="0a1b2c3",
    step=StepName.CHECK_HEALTH,
    error="https://shop.example answers 502.\nExpected 200.\nAsked 5 times.\nGave up.",
    log_tail=(
        "line 1",
        "line 2\nline 3",
        "worker died",
        "\x1b[31mTraceback\x1b[0m: <boom> & `gone`",
    ),
    put_back="backend on web1 and web2 (release 41), the proxy on both",
    next_step="Mend the worker.",
    next_command="fairlead show 42 --verbose",
)


def test_a_failure_says_whether_the_old_version_serves_and_what_to_run() -> None:
    assert build_message(FAILED) == shown(
        "✖ Release 42: shop 4f1c6f0 to prod failed and was put back. "
        "The old version 0a1b2c3 serves again",
        "Failed at: check_health",
        "Error:\n```\nhttps://shop.example answers 502.\nExpected 200.\nAsked 5 times.\n```",
        "Its last lines:\n```\nline 3\nworker died\nTraceback: &lt;boom&gt; &amp; 'gone'\n```",
        "What to do: Mend the worker.\nAll of it: `fairlead show 42 --verbose`",
    )


@pytest.mark.parametrize(
    ("state", "previous", "outcome"),
    [
        (ReleaseState.FAILED, "0a1b2c3", "failed. The old version 0a1b2c3 still serves"),
        (ReleaseState.FAILED, "", "failed. Nothing ran there before, and nothing is served"),
        (
            ReleaseState.ROLLED_BACK,
            "",
            "failed and was put back. Nothing ran there before, and nothing is served",
        ),
    ],
)
def test_a_failure_says_what_is_served(state: ReleaseState, previous: str, outcome: str) -> None:
    text = build_message(replace(NOTICE, state=state, previous=previous))["text"]
    assert text == f"✖ Release 42: shop 4f1c6f0 to prod {outcome}"


def test_the_reply_to_a_failure_has_the_details() -> None:
    assert build_reply(FAILED) == shown(
        "What went wrong at check_health, release 42",
        "Error:\n```\nhttps://shop.example answers 502.\nExpected 200.\nAsked 5 times.\n"
        "Gave up.\n```",
        "Its last lines:\n```\nline 1\nline 2\nline 3\nworker died\n"
        "Traceback: &lt;boom&gt; &amp; 'gone'\n```",
        "Put back: backend on web1 and web2 (release 41), the proxy on both",
        "What to do: Mend the worker.\nAll of it: `fairlead show 42 --verbose`",
    )


def test_what_could_not_be_put_back_calls_for_a_person() -> None:
    notice = replace(FAILED, state=ReleaseState.ROLLBACK_FAILED, error="")
    assert build_message(notice)["text"] == (
        "‼ Release 42: shop 4f1c6f0 to prod failed and could NOT be put back. "
        "A person has to act now"
    )


def test_every_state_has_its_words() -> None:
    assert set(OUTCOMES) == set(ReleaseState)


@pytest.mark.parametrize(
    ("text", "harmless"),
    [
        ("<!channel> @channel", "&lt;!channel&gt; @channel"),
        ("<@U123> <https://evil.example|safe>", "&lt;@U123&gt; &lt;https://evil.example|safe&gt;"),
        ("a & b &lt; c", "a &amp; b &amp;lt; c"),
        ("`rm -rf` ```", "'rm -rf' '''"),
        ("two\r\nlines\u2028here", "two lines here"),
        ("\x1b[1;31mred\x1b[0m \x1b]8;;http://x\x07link", "red link"),
        ("nul\0 bell\a \u202eright-to-left \ud800", "nul bell right-to-left "),
        ("x" * 400, "x" * 299 + "…"),
        ("&" * 400, "&amp;" * 59 + "…"),
        ("😀" * 400, "😀" * 149 + "…"),
    ],
)
def test_text_of_others_is_harmless(text: str, harmless: str) -> None:
    assert one_line(text) == harmless


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://x.example/a|b>c<d e", "<https://x.example/a%7Cb%3Ec%3Cd%20e|run>"),
        ("http://[::1]:4200/runs", "<http://[::1]:4200/runs|run>"),
        ("javascript:alert(1)", ""),
        ("http://[half", ""),
        ("https://", ""),
        ("https://x.example/" + "a" * 1000, ""),
        ("", ""),
    ],
)
def test_only_a_web_address_becomes_a_link(url: str, shown: str) -> None:
    assert link(url, "run") == shown


def test_the_last_lines_are_the_ones_that_are_kept() -> None:
    lines = [f"line {number}" for number in range(2000)]
    block = code_block("Its last lines:", lines, keep="last")
    assert block.startswith("Its last lines:\n```\nline 17")
    assert block.endswith("line 1998\nline 1999\n```")
    assert 2950 < len(block) <= 3000


TEXT = st.text(max_size=50) | st.sampled_from(["<!here>", "&" * 4000, "😀" * 4000, "\n" * 50])
NOTICES = st.builds(
    Notice,
    release=st.integers(0),
    project=TEXT,
    environment=TEXT,
    sha=TEXT,
    kind=st.sampled_from(ReleaseKind),
    state=st.sampled_from(ReleaseState),
    requested_by=TEXT,
    reason=TEXT,
    step=st.sampled_from(StepName) | st.none(),
    seconds=st.none() | st.floats(0, 1e9),
    requests_answered=st.none() | st.integers(0),
    requests_lost=st.none() | st.integers(0),
    error=TEXT,
    log_tail=st.lists(TEXT, max_size=20).map(tuple),
    previous=TEXT,
    put_back=TEXT,
    next_step=TEXT,
    next_command=TEXT,
    url=TEXT | TEXT.map("https://x.example/".__add__),
    run_url=TEXT | TEXT.map("https://x.example/".__add__),
)


@given(NOTICES)
def test_every_message_keeps_to_the_limits_and_says_nothing_hidden(notice: Notice) -> None:
    for message in (build_message(notice), build_reply(notice)):
        assert hostile.wrong_for_slack(message) == []


def test_what_was_settled_since_calls_for_nobody_any_more() -> None:
    since = replace(
        FAILED, state=ReleaseState.ROLLBACK_FAILED, error="", log_tail=(), settled="0a1b2c3 serves"
    )
    headline = (
        "✖ Release 42: shop 4f1c6f0 to prod failed, could not be put back at once, "
        "and has been settled since"
    )
    assert build_message(since)["text"] == headline
    assert "Settled: 0a1b2c3 serves" in build_reply(since)["blocks"][2]["text"]["text"]


def test_the_reply_to_a_release_that_was_finished_after_a_death_says_so() -> None:
    notice = replace(NOTICE, state=ReleaseState.SUCCEEDED, settled="it was proven and running")
    assert build_reply(notice) == shown(
        "Settled after its process had died, release 42", "Settled: it was proven and running"
    )
