"""What of production's values is still there, among samples of both. Pure."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from fairlead.config import MaskingRule
from fairlead.database.masking.catalog import Column
from fairlead.database.masking.words import vocabulary

TOO_SHORT = 6  # characters of a column in which two values may be the same by chance
CUT = 60  # characters under which the last word may be cut
# Which share of the rows may be as before by chance: a permutation has fixed points, lists are
# short. What an expression leaves is the project's own; that it leaves all is a mistake.
BY_CHANCE = {"hash": 0.05, "fake": 0.5, "shift_days": 0.0}
ENDLESS = ("infinity", "-infinity")  # dates that no day more or less changes
Values = Sequence[str | None]


def exact(column: Column, rule: MaskingRule) -> bool:
    """Whether no value that was there may be there afterwards, in whichever row."""
    roomy = column.limit is None or column.limit >= TOO_SHORT
    return rule.way == "hash" and column.kind.family != "integer" and roomy


def left(column: Column, then: Values, now: Values) -> int:
    """How many different values are there still; those in arrays and documents each for itself."""
    gone = {text for value in then if value for text in texts(column, value)} - {""}
    return len(gone & {text for value in now if value for text in texts(column, value)})


def texts(column: Column, value: str) -> Iterator[str]:
    if column.kind.family == "json":
        try:
            yield from _strings(json.loads(value))
        except (ValueError, RecursionError):  # cut off in the middle
            yield value
    elif column.kind.array:
        yield from (part.strip('"') for part in value.strip("{}").split(",") if part != "NULL")
    else:
        yield value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)


def made_up(column: Column, kind: str, now: Values) -> int:
    """How many of them have a word that our lists do not."""
    known = set(vocabulary(kind))
    return sum(not known.issuperset(_words(column, value)) for value in set(now) if value)


def _words(column: Column, value: str) -> list[str]:
    if column.kind.array:
        inner = value.replace('"', " ").strip("{}").replace(",", " ").split()
        return [word for word in inner if word != "NULL"]
    words = value.replace(",", " ").split()
    return words[:-1] if column.limit is not None and column.limit < CUT else words


def as_before(rule: MaskingRule, then: Values, again: Values) -> bool:
    """`again` holds the same rows as `then`, by their keys; nothing where those are masked."""
    both = zip(then, again, strict=False)
    pairs = [(old, new) for old, new in both if old not in (*ENDLESS, None, "") and new is not None]
    same = sum(old == new for old, new in pairs)
    if rule.way == "sql":
        return 0 < len(pairs) == same
    return rule.way in BY_CHANCE and same > BY_CHANCE[rule.way] * len(pairs)
