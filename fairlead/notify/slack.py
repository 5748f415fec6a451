"""Slack: one message a release, updated in place; what went wrong goes into its thread.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage and …/chat.update
"""

import re
from http.client import HTTPException
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from fairlead.notify.model import Notice, NotificationFailed, Posted
from fairlead.notify.slack_message import build_message, build_reply

if TYPE_CHECKING:
    from slack_sdk import WebClient

_QUIET = {"unfurl_links": False, "unfurl_media": False}
_TOKEN = re.compile(r"[\x21-\x7e]+")


class SlackNotifier:
    """A bot in one channel. `timeout` is seconds for one request.

    slack-sdk is imported with the first notifier: importing Fairlead stays fast. When Slack says
    to wait, we wait once, up to `patience` seconds. Nothing else is retried: a request that was
    not answered may have been done, and would be posted twice. Proxies of the environment are
    used. Each method raises NotificationFailed, which never holds the token.
    """

    def __init__(
        self,
        token: SecretStr,
        channel: str,
        api: str = "https://slack.com/api/",
        timeout: int = 5,
        patience: int = 30,
    ) -> None:
        from fairlead.notify.slack_client import make_client  # noqa: PLC0415 imported lazily

        # http.client repeats a header it cannot send in its error, and slack-sdk logs that.
        if not _TOKEN.fullmatch(token.get_secret_value().strip()):
            raise NotificationFailed(channel, "bad_token")
        self._channel = channel
        self._client: WebClient = make_client(token, api, timeout, patience)

    def check(self) -> str:
        """Ask Slack who the token is; nothing is posted."""
        answer = self._send("auth.test", {})
        return f"the bot {answer.get('user')} of {answer.get('team')}"

    def post(self, notice: Notice) -> Posted:
        """The first message about a release."""
        place = {"channel": self._channel}
        answer = self._send("chat.postMessage", {**place, **_QUIET, **build_message(notice)})
        channel, ts = answer.get("channel"), answer.get("ts")
        if not isinstance(channel, str) or not isinstance(ts, str):
            raise NotificationFailed(self._channel, "bad_answer")
        return Posted(channel, ts)

    def update(self, posted: Posted, notice: Notice) -> None:
        """Replaces the message; safe to run twice."""
        place = {"channel": posted.channel, "ts": posted.ts}
        self._send("chat.update", {**place, **build_message(notice)})

    def reply(self, posted: Posted, notice: Notice) -> None:
        """What went wrong, in the thread of the message."""
        place = {"channel": posted.channel, "thread_ts": posted.ts}
        self._send("chat.postMessage", {**place, **_QUIET, **build_reply(notice)})

    def _send(self, method: str, message: dict[str, Any]) -> dict[str, Any]:
        from slack_sdk.errors import SlackApiError, SlackClientError  # noqa: PLC0415 imported lazily

        try:
            answer = self._client.api_call(method, json=message).data
        except SlackApiError as exc:
            raise NotificationFailed(self._channel, _code(exc.response)) from exc
        except TimeoutError as exc:
            raise NotificationFailed(self._channel, "timeout") from exc
        except (OSError, HTTPException) as exc:
            slow = isinstance(getattr(exc, "reason", None), TimeoutError)
            code = "timeout" if slow else "unreachable"
            raise NotificationFailed(self._channel, code) from exc
        # The SDK reads an answer without looking: an odd one comes out as any of these.
        except (SlackClientError, ValueError, LookupError, TypeError, AttributeError) as exc:
            raise NotificationFailed(self._channel, "bad_answer") from exc
        if not isinstance(answer, dict):
            raise NotificationFailed(self._channel, "bad_answer")
        return answer


def _code(response: Any) -> str:
    """Slack's code; the HTTP status where there is none."""
    error = response.data.get("error") if isinstance(response.data, dict) else None
    if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,60}", error):
        return error
    return "bad_answer" if response.status_code == 200 else f"http_{response.status_code}"
