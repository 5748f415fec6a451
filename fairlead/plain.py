"""Text of others as plain text; pure."""

import re

_ANSI = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)")
_BREAKS = re.compile(r"\r\n?|[\n\v\f\x85\u2028\u2029]")


def plain(text: str) -> str:
    """Without what a terminal would obey: a name or a log line may hold escape sequences."""
    return "".join(
        character for character in text if character in "\n\t" or character.isprintable()
    )


def lines_of(text: str) -> list[str]:
    """`text` line by line without colours and without empty lines at its ends."""
    return _BREAKS.sub("\n", _ANSI.sub("", text)).strip("\n").split("\n")
