"""Blanking secrets in anything that is written down: logs, errors, notifications, the store.

Pure; what a secret is has to be handed in.
"""

import base64
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from urllib.parse import quote_from_bytes, quote_plus, unquote, urlsplit

MASK = "***"
# A value of three characters or less stands in ordinary text all the time: "1" would blank every
# line, and blanking it tells what it is. Who has such a secret has none.
SHORTEST = 4


class Redactor:
    """Replaces each of `secrets` in a text by ***; call it with the text.

    Blanked are the value, each of its lines, the password in it where it is a URL, and each of
    these percent-encoded (RFC 3986), escaped as in JSON (RFC 8259) or by Python's repr, and in
    base64 (RFC 4648), also where it begins in the middle of what was encoded, as in
    `Authorization: Basic`. Values and forms shorter than 4 characters are ignored. Time is linear
    in the text for given secrets.
    """

    __slots__ = ("_forms",)

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for part in _parts(secret) for form in _forms(part)}
        self._forms = sorted((form for form in forms if len(form) >= SHORTEST), key=len)[::-1]

    def __call__(self, text: str) -> str:
        spans = sorted(span for form in self._forms for span in _spans(form, text))
        pieces, clean_until = [], 0
        for start, end in _merged(spans):
            pieces += [text[clean_until:start], MASK]
            clean_until = end
        return "".join([*pieces, text[clean_until:]])


def blank(error: BaseException, redact: Callable[[str], str]) -> None:
    """Blank secrets in the texts of `error` and of all that led to it: a traceback shows them."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        one = left.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        one.args = tuple(_blanked(value, redact) for value in one.args)
        vars(one).update({name: _blanked(value, redact) for name, value in vars(one).items()})
        left += [one.__cause__, one.__context__]


def _blanked(value: Any, redact: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, tuple):
        return tuple(_blanked(part, redact) for part in value)
    return value


def _parts(secret: str) -> Iterator[str]:
    """The whole secret, its lines, and a URL's password as written and as meant."""
    for part in (secret, *(line.strip() for line in secret.splitlines()), *_password(secret)):
        if len(part) >= SHORTEST:
            yield part


def _password(secret: str) -> Iterator[str]:
    try:
        password = urlsplit(secret).password
    except ValueError:  # brackets that are no IPv6 address
        return
    if password:
        yield password
        yield unquote(password)


def _forms(part: str) -> Iterator[str]:
    # Values from the environment may hold surrogates, one for each byte that was not UTF-8.
    raw = part.encode("utf-8", "surrogatepass")
    yield part
    yield quote_from_bytes(raw, safe="")
    yield quote_plus(raw)
    yield json.dumps(part)[1:-1]
    yield json.dumps(part, ensure_ascii=False)[1:-1]
    yield repr(part)[1:-1]
    for encoded in _base64(raw):
        yield encoded
        yield encoded.translate(str.maketrans("+/", "-_"))


def _base64(raw: bytes) -> Iterator[str]:
    """The whole encoded, and what every base64 of a longer text with `raw` in it contains.

    Three bytes make four characters, so there are three ways for `raw` to begin; characters that
    also hold bits of a neighbour are left off.
    """
    yield base64.b64encode(raw).decode()
    for before, shared in ((0, 0), (1, 2), (2, 3)):
        encoded = base64.b64encode(b"\0" * before + raw).decode()
        yield encoded[shared : (before + len(raw)) * 8 // 6]


def _spans(form: str, text: str) -> Iterator[tuple[int, int]]:
    start = text.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = text.find(form, start + 1)


def _merged(spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Overlapping spans as one; two secrets side by side stay two."""
    begin, end = 0, 0
    for start, stop in spans:
        if start >= end:
            if end:
                yield begin, end
            begin = start
        end = max(end, stop)
    if end:
        yield begin, end
