"""Text of others inside a Slack message: harmless and short enough; pure.

Sources: https://docs.slack.dev/messaging/formatting-message-text (Escaping text),
https://docs.slack.dev/reference/block-kit/composition-objects/text-object (verbatim, 3000),
https://docs.slack.dev/reference/block-kit/blocks/section-block
"""

import unicodedata
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlsplit

from fairlead.plain import lines_of

SECTION = 3000  # characters of one section's text
ONE_LINE = 300
# A backtick would end a code block; the others begin markup, a link or a mention.
_ESCAPES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "`": "'", "\t": "    "}
_CUT = "…"


def message(text: str, blocks: list[dict[str, Any]]) -> dict[str, Any]:
    """The arguments of a message; `text` is what a phone shows of it before it is opened."""
    # chat.update looks for mentions and links unless told not to; chat.postMessage does not.
    return {"text": text, "blocks": blocks, "parse": "none", "link_names": False}


def section(text: str) -> dict[str, Any]:
    """`verbatim` keeps Slack from linking what looks like a URL, a #channel or @somebody."""
    return {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}}


def one_line(text: str, limit: int = ONE_LINE) -> str:
    """`text` on one line, harmless, of at most `limit` characters."""
    return _clipped(_pieces(" ".join(" ".join(lines_of(text)).split())), limit)


def code(text: str) -> str:
    return f"`{one_line(text)}`"


def code_block(heading: str, lines: Iterable[str], *, keep: str = "first") -> str:
    """`heading` over as many of the `first` or `last` lines as one section holds."""
    room = SECTION - len(heading) - len("\n```\n\n```")
    every = list(lines)
    order = reversed(every) if keep == "last" else iter(every)
    kept: list[str] = []
    for line in order:
        shown = _clipped(_pieces(line), min(room, 1000))
        if _width(shown) + 1 > room:
            break
        kept.append(shown)
        room -= _width(shown) + 1
    kept = kept[::-1] if keep == "last" else kept
    return "{}\n```\n{}\n```".format(heading, "\n".join(kept))


def link(url: str, words: str) -> str:
    """A link, or nothing where `url` is none for a browser."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname or len(url) > 1000:
        return ""
    safe = quote(url, safe=":/?#[]@!$'()*+,;=%~&-._").replace("&", "&amp;")
    return f"<{safe}|{words}>"


def _pieces(text: str) -> list[str]:
    """Each character as Slack has to get it; control, direction and invisible ones are dropped."""
    return [
        _ESCAPES.get(char, char)
        for char in text
        if char == "\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs"}
    ]


def _clipped(pieces: list[str], limit: int) -> str:
    if sum(map(_width, pieces)) <= limit:
        return "".join(pieces)
    kept, left = [], limit - len(_CUT)
    for piece in pieces:
        left -= _width(piece)
        if left < 0:
            break
        kept.append(piece)
    return "".join([*kept, _CUT])


def _width(text: str) -> int:
    """Characters as JavaScript counts them, to be on the safe side."""
    return len(text.encode("utf-16-le")) // 2
