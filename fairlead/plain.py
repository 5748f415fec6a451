"""Text of others as plain text; pure."""

import re

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_BREAKS = re.compile(r"\r\n?|[\n\v\f\x85\u2028\u2029]")


def plain(text: str) -> str:
    """Without what a terminal would obey: a name or a log line may hold escape sequences."""
    return "".join(
        character for character in text if character in "\n\t" or character.isprintable()
    )


def one_line(text: str, limit: int) -> str:
    """`text` on one line of at most `limit` characters; an ellipsis where there are more."""
    shown = "".join(character if character.isprintable() else " " for character in text)
    whole = " ".join(shown.split())
    return whole if len(whole) <= limit else f"{whole[: limit - 1]}…"


def lines_of(text: str) -> list[str]:
    """`text` line by line without colours and without empty lines at its ends."""
    return _BREAKS.sub("\n", _ANSI.sub("", text)).strip("\n").split("\n")
