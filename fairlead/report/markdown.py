"""Text of others inside Markdown: shown as it is, never obeyed; pure.

Sources: https://spec.commonmark.org/0.31.2/#backslash-escapes and #fenced-code-blocks,
https://github.github.com/gfm/#tables-extension- and #autolinks-extension-
"""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from urllib.parse import quote, urlsplit

from fairlead.plain import lines_of

ONE_LINE = 300  # characters
# Code, emphasis, links, images, HTML, entities, headings, cells of a table, URLs, addresses and
# mentions; and what makes a list or a rule of a line that it begins.
_MARKUP = re.compile(r"[\\`*_~\[\]!<>&|:@#]|(?<=www)\.", re.IGNORECASE)
_BEGINNING = re.compile(r"^(\d*)([-+=.)])")


def text(given: str, limit: int = ONE_LINE) -> str:
    """`given` on one line, of at most `limit` characters as they are shown."""
    line = " ".join(_printable(" ".join(lines_of(given))).split())
    shown = line if len(line) <= limit else f"{line[: limit - 1].rstrip()}…"
    return _BEGINNING.sub(r"\1\\\2", _MARKUP.sub(r"\\\g<0>", shown))


def fenced(lines: Iterable[str]) -> list[str]:
    """A block of code, of lines that may hold anything."""
    shown = [_printable(part) for line in lines for part in lines_of(line)]
    longest = max((len(ticks) for line in shown for ticks in re.findall("`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    return [fence, *shown, fence, ""]


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Its cells are Markdown already."""
    return [_row(columns), _row(["---"] * len(columns)), *map(_row, rows), ""]


def link(url: str, words: str) -> str:
    """A link, or just its words where `url` is none for a browser. `words` are ours."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return words
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return words
    return f"[{words}]({quote(url, safe=':/?#[]@!$&+,;=%~-._')})"


def moment(when: datetime | None) -> str:
    """Who reads it may be anywhere."""
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if when else ""


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _printable(line: str) -> str:
    """Without control, direction and invisible characters."""
    return "".join(char for char in line.expandtabs(4) if char.isprintable())
