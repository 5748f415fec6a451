"""SlackNotifier over real HTTP against a Slack that answers as the real one."""

import json
import logging
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from fairlead.model import (
    Message,
    MessageKind,
    Outgoing,
    ReleaseKind,
    ReleaseState,
    StepName,
)
from fairlead.notify import Notice, NotificationFailed, SlackNotifier
from fairlead.notify.slack_message import build_message, build_reply
from tests.contract.fake_slack import JSON, TOKEN, FakeSlack, ok, refused, running_slack
from tests.contract.loopback import Answer, Asked, serving

NOTICE = Notice(
    release=42,
    project="shop",
    environment="prod",
    sha="4f1c6f0e9d3b2a1807f6e5d4c3b2a190f8e7d6c5",
    kind=ReleaseKind.RELEASE,
    state=ReleaseState.RUNNING,
    requested_by="alice <!channel>",
)
FAILED = replace(
    NOTICE,
    state=ReleaseState.FAILED,
    step=StepName.MIGRATE,
    error="column price exists",
    log_tail=("…", "psycopg.errors.DuplicateColumn"),
    next_command="fairlead history prod",
)


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def slack() -> Iterator[tuple[FakeSlack, str]]:
    with running_slack() as running:
        yield running


def notifier(api: str, **changes: Any) -> SlackNotifier:
    settings = {"token": SecretStr(TOKEN), "channel": "#releases", "api": api}
    return SlackNotifier(**{**settings, **changes})


def outgoing(
    notice: Notice = NOTICE,
    kind: MessageKind = MessageKind.STATE,
    *,
    id: int = 1,
    reference: str | None = None,
    uncertain: bool = False,
    attempts: int = 1,
    subject: str = "run 1",
) -> Outgoing:
    body = build_message(notice) if kind is MessageKind.STATE else build_reply(notice)
    return Outgoing(
        id=id,
        message=Message("slack:#releases", subject, kind, body),
        written_at=datetime.now(UTC),
        attempts=attempts,
        uncertain=uncertain,
        problem=None,
        outcome=None,
        ended_at=None,
        reference=reference,
    )


def test_a_release_is_one_message_with_a_thread(slack: tuple[FakeSlack, str]) -> None:
    fake, api = slack
    reference = notifier(api).deliver(outgoing())
    assert reference == "C024BE91L/1700000000.000000"
    quiet = {"unfurl_links": False, "unfurl_media": False}
    ts = "1700000000.000000"
    assert fake.messages == {ts: {"channel": "#releases", **quiet, **build_message(NOTICE)}}
    for _ in range(2):
        assert notifier(api).deliver(outgoing(FAILED, reference=reference)) == reference
    changed = {"channel": "C024BE91L", **build_message(FAILED)}
    assert fake.messages == {ts: changed}
    details = outgoing(FAILED, MessageKind.DETAIL, reference=reference)
    assert notifier(api).deliver(details) is None
    reply = {"channel": "C024BE91L", "thread_ts": ts, **quiet, **build_reply(FAILED)}
    assert list(fake.messages.values()) == [changed, reply]


def test_a_message_that_somebody_deleted_is_posted_anew(slack: tuple[FakeSlack, str]) -> None:
    fake, api = slack
    new = notifier(api).deliver(outgoing(FAILED, reference="C024BE91L/1.0"))
    assert new == "C024BE91L/1700000000.000000"
    assert [message["text"] for message in fake.messages.values()] == [
        build_message(FAILED)["text"]
    ]


@pytest.mark.parametrize("kind", list(MessageKind))
def test_what_may_have_arrived_is_looked_for_and_not_sent_again(
    slack: tuple[FakeSlack, str], kind: MessageKind
) -> None:
    fake, api = slack
    ours = notifier(api, channel="C024BE91L")
    shown = ours.deliver(outgoing(id=7)) if kind is MessageKind.DETAIL else None
    first = outgoing(FAILED, kind, id=8, reference=shown)
    ours.deliver(first)
    before = dict(fake.messages)
    again = ours.deliver(replace(first, uncertain=True, attempts=2))
    assert list(fake.messages) == list(before)
    assert again == (None if shown else "C024BE91L/1700000000.000000")
    other = outgoing(
        FAILED, kind, id=9, reference=shown, uncertain=True, attempts=2, subject="run 2"
    )
    ours.deliver(other)
    assert len(fake.messages) == len(before) + 1  # another one had not arrived


def test_a_state_takes_the_place_of_an_older_one_that_may_have_arrived(
    slack: tuple[FakeSlack, str],
) -> None:
    fake, api = slack
    ours = notifier(api, channel="C024BE91L")
    ours.deliver(outgoing(NOTICE, id=1))
    assert ours.deliver(outgoing(FAILED, id=2, uncertain=True)) == "C024BE91L/1700000000.000000"
    (shown,) = fake.messages.values()
    assert shown["text"] == build_message(FAILED)["text"]


@pytest.mark.parametrize(
    ("channel", "scripted"),
    [("#releases", []), ("C024BE91L", [refused("missing_scope")])],
)
def test_what_cannot_be_looked_for_is_not_sent_again(
    slack: tuple[FakeSlack, str], channel: str, scripted: list[Answer]
) -> None:
    fake, api = slack
    fake.scripted = scripted
    with pytest.raises(NotificationFailed) as caught:
        notifier(api, channel=channel).deliver(outgoing(uncertain=True, attempts=2))
    assert (caught.value.code, caught.value.lasting) == ("not_found_out", True)
    assert fake.messages == {}
    fake.scripted = scripted
    notifier(api, channel=channel).deliver(outgoing(FAILED, uncertain=True, attempts=1))
    assert len(fake.messages) == 1  # a newer state was never sent


def test_a_request_is_as_the_documentation_wants_it(slack: tuple[FakeSlack, str]) -> None:
    fake, api = slack
    notifier(api).deliver(outgoing())
    (asked,) = fake.asked
    assert (asked.method, asked.target) == ("POST", "/api/chat.postMessage")
    assert asked.headers["Authorization"] == f"Bearer {TOKEN}"
    assert asked.headers["Content-Type"] == "application/json;charset=utf-8"
    headline = "… Release 42: shop 4f1c6f0 to prod is running"
    assert json.loads(asked.body) == {
        "channel": "#releases",
        "text": headline,
        "blocks": [
            {
                "type": "section",
                "text": {"type": "mrkdwn", "text": f"*{headline}*", "verbatim": True},
            },
            {
                "type": "section",
                "text": {
                    "type": "mrkdwn",
                    "text": "Asked for by: alice &lt;!channel&gt;",
                    "verbatim": True,
                },
            },
        ],
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
        "metadata": {
            "event_type": "fairlead_message",
            "event_payload": {"subject": "run 1", "shows": "state"},
        },
    }


@pytest.mark.parametrize(
    ("answer", "code", "uncertain", "next_step"),
    [
        (refused("invalid_auth"), "invalid_auth", False,
         "Set the bot's token where [notify.slack] token "
         "says, then try: fairlead check"),
        (refused("not_in_channel"), "not_in_channel", False,
         "Name a channel that is there and invite "
         "the bot to it: /invite @fairlead"),
        (refused("missing_scope"), "missing_scope", False,
         "Give the bot the scope chat:write and install "
         "it again."),
        (refused("msg_too_long"), "msg_too_long", False,
         "Look the code up: "
         "https://docs.slack.dev/reference/methods/chat.postMessage (msg_too_long)"),
        (refused("ratelimited"), "ratelimited", False,
         "It is tried again later."),
        (refused("Odd <text>"), "bad_answer", True, "It is tried again later."),
        (Answer(500, {}, b"<html>"), "http_500", True, "It is tried again later."),
        (Answer(429, {"Retry-After": "3600"}), "http_429", False,
         "It is tried again later."),
        (Answer(429, {"Retry-After": "soon"}), "http_429", False,
         "It is tried again later."),
        (Answer(200, {}, b"<html>"), "bad_answer", True, "It is tried again later."),
        (Answer(200, JSON, b"[]"), "bad_answer", True, "It is tried again later."),
        (Answer(200, JSON, b"7"), "bad_answer", True, "It is tried again later."),
        (Answer(200, {"Content-Type": "application/gzip"}, b"x"), "bad_answer", True,
         "It is tried again later."),
        (Answer(200, {"Content-Type": "text/html; charset=none"}, b"x"), "bad_answer", True,
         "It is tried again later."),
        (Answer(200, JSON, b"\xff"), "bad_answer", True, "It is tried again later."),
        (ok({"channel": "C1"}), "bad_answer", True, "It is tried again later."),
        (Answer(raw=b""), "unreachable", True, "It is tried again later."),
        (Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "unreachable", True,
         "It is tried again later."),
    ],
)  # fmt: skip
def test_a_refusal_is_told_with_its_code(
    slack: tuple[FakeSlack, str],
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    code: str,
    uncertain: bool,
    next_step: str,
) -> None:
    fake, api = slack
    fake.scripted = [answer]
    with caplog.at_level(logging.DEBUG), pytest.raises(NotificationFailed) as caught:
        notifier(api).deliver(outgoing())
    assert (caught.value.code, caught.value.uncertain) == (code, uncertain)
    assert str(caught.value) == (
        f"Slack did not take a message for #releases: {code}.\n{next_step}"
    )
    assert len(fake.asked) == 1
    assert TOKEN not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_the_fake_refuses_another_token(slack: tuple[FakeSlack, str]) -> None:
    with pytest.raises(NotificationFailed, match="invalid_auth"):
        notifier(slack[1], token=SecretStr("xoxb-other")).deliver(outgoing())


def test_a_rate_limit_says_how_long_to_wait(slack: tuple[FakeSlack, str]) -> None:
    fake, api = slack
    fake.scripted = [
        Answer(429, {"Retry-After": "31", **JSON}, b'{"ok":false,"error":"ratelimited"}')
    ]
    with pytest.raises(NotificationFailed) as caught:
        notifier(api).deliver(outgoing())
    assert (caught.value.code, caught.value.retry_after) == ("ratelimited", 31)
    assert not caught.value.uncertain


def test_silence_ends() -> None:
    def silent(_: Asked) -> Answer:
        time.sleep(2)
        return Answer()

    with serving(silent) as address, pytest.raises(NotificationFailed) as caught:
        notifier(f"http://{address}/api/", timeout=1).deliver(outgoing())
    assert caught.value.code == "timeout"


def test_nobody_there_is_told() -> None:
    with pytest.raises(NotificationFailed) as caught:
        notifier("http://127.0.0.1:1/api/").deliver(outgoing())
    assert caught.value.code == "unreachable"


@pytest.mark.parametrize("token", ["", "xoxb with spaces", "xoxb-1\nX-Evil: 1", "xoxb-ü"])
def test_a_token_that_is_none_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(NotificationFailed) as caught:
        notifier("http://127.0.0.1:1/api/", token=SecretStr(token))
    assert caught.value.code == "bad_token"
    assert not token or token not in str(caught.value)


def test_importing_the_notifier_does_not_import_the_sdk() -> None:
    program = "import sys, fairlead.notify; print('slack_sdk' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"False\n"
