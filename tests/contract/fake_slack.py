"""A Slack on loopback that takes and answers what the real one does.

https://docs.slack.dev/reference/methods/chat.postMessage and …/chat.update: arguments, errors, and
https://docs.slack.dev/apis/web-api/rate-limits
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from tests.contract.loopback import Answer, Asked, serving

TOKEN = "xoxb-contract-0123456789"
CHANNELS = {"#releases": "C024BE91L", "C024BE91L": "C024BE91L"}
JSON_SENT = "application/json;charset=utf-8"
_BOTH = {"channel", "text", "blocks", "parse", "link_names"}
ARGUMENTS = {
    "/api/chat.postMessage": _BOTH | {"thread_ts", "unfurl_links", "unfurl_media", "metadata"},
    "/api/chat.update": _BOTH | {"ts"},
}


@dataclass
class FakeSlack:
    """`messages` by ts as they are now, and their `metadata`; `scripted` answers go out first;
    `asked` collects."""

    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)
    scripted: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Answer:
        self.asked.append(asked)
        return self.scripted.pop(0) if self.scripted else self.do(asked)

    def do(self, asked: Asked) -> Answer:
        if asked.path in {"/api/conversations.history", "/api/conversations.replies"}:
            return self.look(asked)
        known, given = ARGUMENTS.get(asked.path, set()), json.loads(asked.body)
        rules = {
            "unknown_method": asked.method == "POST" and known,
            "invalid_auth": asked.headers.get("Authorization") == f"Bearer {TOKEN}",
            "invalid_post_type": asked.headers.get("Content-Type") == JSON_SENT,
            "invalid_arguments": set(given) <= known,
            "channel_not_found": given.get("channel") in CHANNELS,
            "no_text": given.get("text"),
            "invalid_blocks": fits(given.get("blocks", [])),
        }
        broken = next((code for code, kept in rules.items() if not kept), None)
        return refused(broken) if broken else self.keep(given)

    def look(self, asked: Asked) -> Answer:
        """A channel's messages without those in threads, or the thread of one with it in front."""
        given = dict(parse_qsl(asked.body.decode()))
        if asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            return refused("invalid_auth")
        if given["channel"] not in CHANNELS.values():
            return refused("channel_not_found")
        thread = given.get("ts")
        found = [
            {"ts": ts, "text": message["text"], "metadata": self.metadata[ts]}
            for ts, message in self.messages.items()
            if message.get("thread_ts") == thread or ts == thread
        ]
        return ok({"messages": found, "has_more": False})

    def keep(self, given: Mapping[str, Any]) -> Answer:
        ts = given.get("ts") or f"1700000000.{len(self.messages):06}"
        if "ts" in given and ts not in self.messages:
            return refused("message_not_found")
        if given.get("thread_ts", ts) not in {ts, *self.messages}:
            return refused("thread_not_found")
        self.messages[ts] = {
            key: value for key, value in given.items() if key not in {"ts", "metadata"}
        }
        self.metadata.setdefault(ts, given.get("metadata"))
        return ok({"channel": CHANNELS[given["channel"]], "ts": ts})


def fits(blocks: list[dict[str, Any]]) -> bool:
    texts = [block["text"]["text"] for block in blocks]
    return 1 <= len(blocks) <= 50 and all(1 <= len(text) <= 3000 for text in texts)


def ok(fields: Mapping[str, Any]) -> Answer:
    return Answer(200, JSON, json.dumps({"ok": True, **fields}).encode())


def refused(code: str) -> Answer:
    return Answer(200, JSON, json.dumps({"ok": False, "error": code}).encode())


JSON = {"Content-Type": "application/json; charset=utf-8"}


@contextmanager
def running_slack() -> Iterator[tuple[FakeSlack, str]]:
    """The fake and the address of its API."""
    fake = FakeSlack()
    with serving(fake.answer) as address:
        yield fake, f"http://{address}/api/"
