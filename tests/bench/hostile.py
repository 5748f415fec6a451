"""Texts that would do something where they are shown, and how to see whether they did."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

MARKDOWN = MarkdownIt("commonmark").enable(["table", "strikethrough"])
HOSTILE = st.one_of(
    st.text(),
    st.text(alphabet="`*_~[]()<>!&|:@#\\/-+=\"' \n\ta1.;"),
    st.sampled_from(
        [
            "<script>alert(1)</script>",
            "[x](javascript:alert(1))",
            "![x](https://evil.example/x.png)",
            "| a | b |\n| --- | --- |",
            "# heading\n- list\n> quote\n1. one",
            "&lt;b&gt; &#60;b&#62;",
            "@channel <@U123> owner/shop#1",
            "https://evil.example www.evil.example a@evil.example",
            "```\nout of the block\n```",
            "\x1b[31mred\x1b[0m \u202eturned \u200bhidden",
            "[evil]: https://evil.example",
        ]
    ),
)


def flat(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from flat(token.children or [])


def read(markdown: str) -> list[Token]:
    return list(flat(MARKDOWN.parse(markdown)))


def structure(markdown: str) -> list[tuple[str, str]]:
    """What it is made of, with where links lead, and without any text."""
    parts = [(token.type, str(token.attrs.get("href", ""))) for token in read(markdown)]
    return [part for part in parts if part[0] not in {"text", "softbreak"}]


def words(markdown: str) -> str:
    return "".join(token.content for token in read(markdown) if token.type == "text")


def wrong_for_slack(message: Mapping[str, Any]) -> list[str]:
    """What of a message is more than Slack takes, or might be obeyed: mentions, links, hidden or
    turning characters. https://docs.slack.dev/messaging/formatting-message-text"""
    texts = [message["text"], *(block["text"]["text"] for block in message["blocks"])]
    found = [] if 1 <= len(message["blocks"]) <= 50 else ["the number of blocks"]
    for text in texts:
        rest = re.sub(r"<https?://[^<>|\s]+\|Open the (run|environment)>", "", text)
        if not 1 <= len(text.encode("utf-16-le", "surrogatepass")) // 2 <= 3000:
            found.append(f"long or empty: {text!r}")
        if re.search(r"[<>]|&(?!amp;|lt;|gt;)", rest):
            found.append(f"markup: {text!r}")
        if re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\ud800-\udfff]", rest):
            found.append(f"hidden characters: {text!r}")
    return found
