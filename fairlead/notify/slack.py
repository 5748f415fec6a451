"""Slack: one message of each release, replaced in place; what went wrong goes into its thread.

Sources: https://docs.slack.dev/reference/methods/chat.postMessage, …/chat.update,
…/conversations.history and …/conversations.replies, and
https://docs.slack.dev/messaging/message-metadata
"""

import logging
import re
import socket
from http.client import HTTPException
from typing import Any
from urllib.error import URLError

from pydantic import SecretStr

from fairlead.model import MessageKind, Outgoing
from fairlead.notify.model import NotificationFailed

QUIET = {"unfurl_links": False, "unfurl_media": False}
EVENT = "fairlead_message"  # of the metadata by which a message is found again
_SILENT = logging.Logger("slack_sdk", logging.CRITICAL)  # what fails is said by us
_TOKEN = re.compile(r"[\x21-\x7e]+")
_CHANNEL_ID = re.compile(r"[CGD][A-Z0-9]{8,}")
_GONE = {"message_not_found", "cant_update_message", "edit_window_closed", "thread_not_found"}
_UNSEEN = {"missing_scope", "not_in_channel", "channel_not_found"}
_HALF_DONE = {"fatal_error", "internal_error", "request_timeout", "service_unavailable"}
_NOT_SENT = (ConnectionRefusedError, socket.gaierror)


class SlackNotifier:
    """A bot in one channel. `timeout` is seconds for one request.

    slack-sdk is imported with the first notifier: importing Fairlead stays fast. It repeats
    nothing: a request that was not answered may have been done, and is looked for before it is
    made again. Proxies of the environment are used. Each method raises NotificationFailed, which
    never holds the token.
    """

    def __init__(
        self,
        token: SecretStr,
        channel: str,
        api: str = "https://slack.com/api/",
        timeout: int = 5,
    ) -> None:
        from slack_sdk import WebClient  # noqa: PLC0415 imported lazily

        # http.client repeats a header it cannot send in its error, and slack-sdk logs that.
        if not _TOKEN.fullmatch(token.get_secret_value().strip()):
            raise NotificationFailed(channel, "bad_token")
        self._channel = channel
        self._client = WebClient(
            token=token.get_secret_value(),
            base_url=api,
            timeout=timeout,
            retry_handlers=[],
            logger=_SILENT,
        )

    def check(self) -> str:
        """Ask Slack who the token is; nothing is posted."""
        answer = self._send("auth.test", {})
        return f"the bot {answer.get('user')} of {answer.get('team')}"

    def deliver(self, outgoing: Outgoing) -> str | None:
        """As `fairlead.notify.Sender` has it. A reference is `channel/ts`, Slack's name for a
        message (https://docs.slack.dev/messaging/retrieving-messages)."""
        shown = _channel_and_ts(outgoing.reference) if outgoing.reference else None
        if outgoing.message.kind is MessageKind.DETAIL:
            self._tell_once(outgoing, shown)
            return None
        return self._show(outgoing, shown)

    def _tell_once(self, outgoing: Outgoing, shown: tuple[str, str] | None) -> None:
        """In the thread of what is shown, if it is there."""
        channel, thread = shown or (self._channel, None)
        if not (outgoing.uncertain and self._found(outgoing, channel, thread)):
            self._send("chat.postMessage", post(outgoing, channel, thread))

    def _show(self, outgoing: Outgoing, shown: tuple[str, str] | None) -> str | None:
        """In the place of what is shown, or may be. Somebody may have deleted that."""
        found = self._found(outgoing, self._channel, None) if outgoing.uncertain else None
        place = shown or found
        try:
            if place:
                self._send("chat.update", update(outgoing, *place))
                return "/".join(place)
        except NotificationFailed as failure:
            if failure.code not in _GONE:
                raise
        answer = self._send("chat.postMessage", post(outgoing, self._channel, None))
        where, ts = answer.get("channel"), answer.get("ts")
        if not isinstance(where, str) or not isinstance(ts, str):
            raise self._failed("bad_answer", uncertain=True)
        return f"{where}/{ts}"

    def _found(
        self, outgoing: Outgoing, channel: str, thread: str | None
    ) -> tuple[str, str] | None:
        """Where an earlier try has arrived, if one has. What was sent and we cannot look for is
        not sent again."""
        look = "conversations.replies" if thread else "conversations.history"
        try:
            if not _CHANNEL_ID.fullmatch(channel):
                raise self._failed("channel_not_found")
            answer = self._send(look, search(channel, thread), form=True)
        except NotificationFailed as failure:
            if failure.code not in _UNSEEN:
                failure.uncertain = True  # still nobody knows
                raise
            if outgoing.attempts > 1:
                raise self._failed("not_found_out") from failure
            return None
        messages = answer.get("messages", [])
        ours = [found["ts"] for found in messages if found.get("metadata") == metadata(outgoing)]
        return (channel, ours[0]) if ours else None

    def _send(self, method: str, fields: dict[str, Any], *, form: bool = False) -> dict[str, Any]:
        from slack_sdk.errors import SlackApiError, SlackClientError  # noqa: PLC0415 imported lazily

        given: dict[str, Any] = {"params": fields} if form else {"json": fields}
        try:
            answer = self._client.api_call(method, **given).data
        except SlackApiError as exc:
            raise self._refused(exc.response) from exc
        except TimeoutError as exc:
            raise self._failed("timeout", uncertain=True) from exc
        except (OSError, HTTPException) as exc:
            reason = exc.reason if isinstance(exc, URLError) else exc
            code = "timeout" if isinstance(reason, TimeoutError) else "unreachable"
            raise self._failed(code, uncertain=not isinstance(reason, _NOT_SENT)) from exc
        # The SDK reads an answer without looking: an odd one comes out as any of these.
        except (SlackClientError, ValueError, LookupError, TypeError, AttributeError) as exc:
            raise self._failed("bad_answer", uncertain=True) from exc
        if not isinstance(answer, dict):
            raise self._failed("bad_answer", uncertain=True)
        return answer

    def _refused(self, response: Any) -> NotificationFailed:
        """Slack's code; the HTTP status where there is none."""
        error = response.data.get("error") if isinstance(response.data, dict) else None
        if isinstance(error, str) and re.fullmatch(r"[a-z_]{1,60}", error):
            return self._failed(
                error, uncertain=error in _HALF_DONE, retry_after=_retry_after(response.headers)
            )
        if response.status_code == 200:
            return self._failed("bad_answer", uncertain=True)
        return self._failed(
            f"http_{response.status_code}",
            uncertain=response.status_code >= 500,
            retry_after=_retry_after(response.headers),
        )

    def _failed(
        self, code: str, *, uncertain: bool = False, retry_after: float | None = None
    ) -> NotificationFailed:
        return NotificationFailed(self._channel, code, uncertain=uncertain, retry_after=retry_after)


def _channel_and_ts(reference: str) -> tuple[str, str]:
    channel, _, ts = reference.partition("/")
    return channel, ts


def post(outgoing: Outgoing, channel: str, thread: str | None) -> dict[str, Any]:
    """The arguments of chat.postMessage."""
    place = {"channel": channel} | ({"thread_ts": thread} if thread else {})
    return {**place, **QUIET, **outgoing.message.body, "metadata": metadata(outgoing)}


def metadata(outgoing: Outgoing) -> dict[str, Any]:
    """By which it is found again: a state by its subject, of which one is shown."""
    state = outgoing.message.kind is MessageKind.STATE
    own = {"shows": "state"} if state else {"number": outgoing.id}
    payload = {"subject": outgoing.message.subject, **own}
    return {"event_type": EVENT, "event_payload": payload}


def update(outgoing: Outgoing, channel: str, ts: str) -> dict[str, Any]:
    """The arguments of chat.update, which is safe to send twice."""
    return {"channel": channel, "ts": ts, **outgoing.message.body}


def search(channel: str, thread: str | None) -> dict[str, Any]:
    """The newest messages of the channel, or those of a thread."""
    place = {"channel": channel} | ({"ts": thread} if thread else {})
    return {**place, "limit": 200, "include_all_metadata": True}


def _retry_after(headers: Any) -> float | None:
    """https://docs.slack.dev/apis/web-api/rate-limits"""
    wait = {name.lower(): value for name, value in headers.items()}.get("retry-after", "")
    wait = wait if isinstance(wait, str) else "".join(wait[:1])
    return float(wait[:9]) if wait.isascii() and wait.isdigit() else None
