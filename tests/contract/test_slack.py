"""SlackNotifier over real HTTP against a Slack that answers as the real one."""

import json
import logging
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from fairlead.model import ReleaseKind, ReleaseState, StepName
from fairlead.notify import Notice, NotificationFailed, Posted, SlackNotifier
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


def test_a_release_is_one_message_with_a_thread(slack: tuple[FakeSlack, str]) -> None:
    fake, api = slack
    posted = notifier(api).post(NOTICE)
    assert posted == Posted("C024BE91L", "1700000000.000000")
    quiet = {"unfurl_links": False, "unfurl_media": False}
    assert fake.messages == {posted.ts: {"channel": "#releases", **quiet, **build_message(NOTICE)}}
    for _ in range(2):
        notifier(api).update(posted, FAILED)
    changed = {"channel": "C024BE91L", **build_message(FAILED)}
    assert fake.messages == {posted.ts: changed}
    notifier(api).reply(posted, FAILED)
    reply = {"channel": "C024BE91L", "thread_ts": posted.ts, **quiet, **build_reply(FAILED)}
    assert list(fake.messages.values()) == [changed, reply]


def test_a_request_is_as_the_documentation_wants_it(slack: tuple[FakeSlack, str]) -> None:
    fake, api = slack
    notifier(api).post(NOTICE)
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
    }


@pytest.mark.parametrize(
    ("answer", "code", "next_step"),
    [
        (refused("invalid_auth"), "invalid_auth", "Set the bot's token where [notify.slack] token "
         "says, then try: fairlead check"),
        (refused("not_in_channel"), "not_in_channel", "Name a channel that is there and invite "
         "the bot to it: /invite @fairlead"),
        (refused("missing_scope"), "missing_scope", "Give the bot the scope chat:write and install "
         "it again."),
        (refused("msg_too_long"), "msg_too_long", "Look the code up: "
         "https://docs.slack.dev/reference/methods/chat.postMessage (msg_too_long)"),
        (refused("ratelimited"), "ratelimited", "It is tried again later."),
        (refused("Odd <text>"), "bad_answer", "It is tried again later."),
        (Answer(500, {}, b"<html>"), "http_500", "It is tried again later."),
        (Answer(429, {"Retry-After": "3600"}), "http_429", "It is tried again later."),
        (Answer(429, {"Retry-After": "soon"}), "http_429", "It is tried again later."),
        (Answer(200, {}, b"<html>"), "bad_answer", "It is tried again later."),
        (Answer(200, JSON, b"[]"), "bad_answer", "It is tried again later."),
        (Answer(200, JSON, b"7"), "bad_answer", "It is tried again later."),
        (Answer(200, {"Content-Type": "application/gzip"}, b"x"), "bad_answer",
         "It is tried again later."),
        (Answer(200, {"Content-Type": "text/html; charset=none"}, b"x"), "bad_answer",
         "It is tried again later."),
        (Answer(200, JSON, b"\xff"), "bad_answer", "It is tried again later."),
        (ok({"channel": "C1"}), "bad_answer", "It is tried again later."),
        (Answer(raw=b""), "unreachable", "It is tried again later."),
        (Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), "unreachable",
         "It is tried again later."),
    ],
)  # fmt: skip
def test_a_refusal_is_told_with_its_code(
    slack: tuple[FakeSlack, str],
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    code: str,
    next_step: str,
) -> None:
    fake, api = slack
    fake.scripted = [answer]
    with caplog.at_level(logging.DEBUG), pytest.raises(NotificationFailed) as caught:
        notifier(api).post(NOTICE)
    assert caught.value.code == code
    assert str(caught.value) == (
        f"Slack did not take a message for #releases: {code}.\n{next_step}"
    )
    assert len(fake.asked) == 1
    assert TOKEN not in "".join(traceback.format_exception(caught.value)) + caplog.text


def test_the_fake_refuses_another_token(slack: tuple[FakeSlack, str]) -> None:
    with pytest.raises(NotificationFailed, match="invalid_auth"):
        notifier(slack[1], token=SecretStr("xoxb-other")).post(NOTICE)


def test_a_message_that_is_gone_cannot_be_updated(slack: tuple[FakeSlack, str]) -> None:
    with pytest.raises(NotificationFailed, match="message_not_found"):
        notifier(slack[1]).update(Posted("C024BE91L", "1.0"), NOTICE)


def test_a_rate_limit_is_waited_for_once(slack: tuple[FakeSlack, str]) -> None:
    fake, api = slack
    limited = Answer(429, {"Retry-After": "1", **JSON}, b'{"ok":false,"error":"ratelimited"}')
    fake.scripted = [limited]
    started = time.monotonic()
    notifier(api).post(NOTICE)
    assert 1 <= time.monotonic() - started < 3
    assert len(fake.messages) == 1
    fake.scripted = [limited, limited]
    with pytest.raises(NotificationFailed) as caught:
        notifier(api).post(NOTICE)
    assert caught.value.code == "ratelimited"


def test_silence_ends() -> None:
    def silent(_: Asked) -> Answer:
        time.sleep(2)
        return Answer()

    with serving(silent) as address, pytest.raises(NotificationFailed) as caught:
        notifier(f"http://{address}/api/", timeout=1).post(NOTICE)
    assert caught.value.code == "timeout"


def test_nobody_there_is_told() -> None:
    with pytest.raises(NotificationFailed) as caught:
        notifier("http://127.0.0.1:1/api/").post(NOTICE)
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
