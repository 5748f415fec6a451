"""No secret comes out of a Redactor, whatever it was wrapped in."""

import base64
import json
import time
import traceback
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.errors import JobFailed
from fairlead.redact import MASK, Redactor, blank

# A star in a secret could be made up by the masks beside it; a secret of four characters has none.
SECRETS = st.lists(
    st.text(min_size=4, max_size=40).filter(lambda text: "*" not in text and text.strip() == text),
    max_size=4,
)
TEXTS = st.text(max_size=60)


@pytest.mark.parametrize(
    ("secret", "text", "clean"),
    [
        ("hunter22", "password=hunter22;", "password=***;"),
        ("hunter22", "hunter22hunter22", "******"),
        ("1", "1 of 11 tests", "1 of 11 tests"),
        ("abc", "abc", "abc"),
        ("", "nothing", "nothing"),
        ('qu"o\\te', 'say {"p": "qu\\"o\\\\te"}', 'say {"p": "***"}'),
        ('it\'s \\n "x"', "{'key': 'it\\'s \\\\n \"x\"'}", "{'key': '***'}"),
        ("füße", 'as JSON: "f\\u00fc\\u00dfe"', 'as JSON: "***"'),
        ("p@ss/word", "postgres://u:p%40ss%2Fword@db/x", "postgres://u:***@db/x"),
        ("pass word", "a=pass+word&b=pass%20word", "a=***&b=***"),
        ("postgres://u:s3cr3t@db/x", "FATAL: s3cr3t is wrong", "FATAL: *** is wrong"),
        ("postgres://u:s3c%40r3t@db/x", "raw s3c%40r3t, meant s3c@r3t", "raw ***, meant ***"),
        ("postgres://u:s3cr3t@db/x", "to postgres://u:s3cr3t@db/x", "to ***"),
        ("postgres://[half:s3cr3t@db", "postgres://[half:s3cr3t@db", "***"),
        ("first line\r\nsecond line\n}\n", "1 second line\n}\n2 first line", "1 ***\n}\n2 ***"),
        ("hunter22", "aHVudGVyMjI=", "***"),
        ("abcdef", "longest abcdef first", "longest *** first"),
    ],
)
def test_a_secret_becomes_stars(secret: str, text: str, clean: str) -> None:
    assert Redactor([secret, "abcd"])(text) == clean


def test_an_error_and_all_that_led_to_it_are_blanked() -> None:
    cause, error = ValueError("at s3cr3t", 7), JobFailed(["migrate"], "said s3cr3t", ["key=s3cr3t"])
    error.__cause__, cause.__context__ = cause, error
    blank(error, Redactor(["s3cr3t"]))
    assert (cause.args, error.summary, error.tail) == (
        ("at ***", 7),
        "`migrate` said ***.",
        ("key=***",),
    )
    assert "s3cr3t" not in "".join(traceback.format_exception(error))


def test_overlapping_secrets_leave_no_rest() -> None:
    assert Redactor(["abcdef", "defghi"])("xabcdefghix") == "x***x"


@pytest.mark.parametrize("user", ["u", "us", "use", "user"])
def test_the_password_inside_basic_authorization_is_blanked(user: str) -> None:
    whole = base64.b64encode(f"{user}:hunter22hunter22".encode()).decode()
    before, mask, after = Redactor(["hunter22hunter22"])(whole).partition(MASK)
    assert mask
    # What is left holds the user and at most a few bits of the password's first and last byte.
    assert len(before) <= len(base64.b64encode(f"{user}:".encode()))
    assert len(after) <= 3


@given(secrets=SECRETS, before=TEXTS, after=TEXTS)
def test_no_secret_comes_through(secrets: list[str], before: str, after: str) -> None:
    clean = Redactor(secrets)(after.join([before, *secrets, after]))
    assert not [secret for secret in secrets if secret in clean]


@given(secret=st.text(st.characters(codec="utf-8"), min_size=8, max_size=40), text=TEXTS)
def test_no_encoded_secret_comes_through(secret: str, text: str) -> None:
    raw = secret.encode()
    forms = [
        quote(secret, safe=""),
        json.dumps(secret)[1:-1],
        base64.b64encode(raw).decode(),
        base64.urlsafe_b64encode(raw).decode(),
    ]
    assert [Redactor([secret])(form) for form in forms] == [MASK] * len(forms)


@given(text=TEXTS, secrets=st.lists(st.text(max_size=3)))
def test_without_a_usable_secret_nothing_changes(text: str, secrets: list[str]) -> None:
    assert Redactor(secrets)(text) == text


@given(secrets=SECRETS, text=TEXTS)
def test_redacting_twice_changes_nothing_more(secrets: list[str], text: str) -> None:
    redact = Redactor(secrets)
    once = redact(text + "".join(secrets))
    assert redact(once) == once


@given(st.text())
def test_any_text_may_be_a_secret(secret: str) -> None:
    Redactor([secret, secret + "\ud800"])(secret)


def test_a_large_log_takes_time_in_proportion() -> None:
    redact = Redactor(["a" * 400 + "b", *(f"secret-number-{n}" for n in range(20))])

    def seconds(size: int) -> float:
        started = time.perf_counter()
        redact("a" * size + "secret-number-7 \n")
        return time.perf_counter() - started

    seconds(1000)
    assert seconds(2_000_000) < 40 * max(seconds(200_000), 0.005)
