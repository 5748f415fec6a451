"""Health answers from outside: whatever answers, a release ends with our error, soon and small."""

import gzip
import socket
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairlead.config import Environment, Host, Smoke
from fairlead.engine import outside as outside_module
from fairlead.engine.outside import LIMIT, Outside, Probe, check
from fairlead.errors import HealthCheckFailed
from tests.contract.loopback import Answer, serving

PAGE = Smoke(body="well")


def outside_at(address: str) -> Outside:
    environment = Environment(
        hosts=(Host(engine="unix:///var/run/docker.sock"),),
        domain="shop.localhost",
        tls="off",
        http_port=int(address.partition(":")[2]),
    )
    return Outside(environment, "127.0.0.1")


def asked(address: str, smoke: Smoke = PAGE) -> str:
    """What is told of the answer there; empty where it is as it has to be."""
    outside = outside_at(address)
    try:
        check(outside, smoke)
    except HealthCheckFailed as error:
        return error.message
    finally:
        outside.close()
    return ""


@contextmanager
def pouring(head: bytes, piece: bytes, pause: float) -> Iterator[str]:
    """A server whose answer does not end while anybody listens."""
    over = threading.Event()

    def pour() -> None:
        connection, _ = server.accept()
        with connection, suppress(OSError):
            connection.sendall(head)
            while not over.wait(pause):
                connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=pour, daemon=True)
        thread.start()
        try:
            yield f"127.0.0.1:{server.getsockname()[1]}"
        finally:
            over.set()
            thread.join()


OK = b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_body_without_end_is_read_to_a_limit() -> None:
    tracemalloc.start()
    try:
        with pouring(OK + b"well", b"x" * 65_536, 0) as address:
            assert asked(address) == ""
        assert tracemalloc.get_traced_memory()[1] < 20 * LIMIT
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("head", "words"),
    [
        (OK, "it did not end its answer in 0.5 s"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n", "it did not end its answer in 0.5 s"),
    ],
)
def test_a_body_that_drips_is_given_up(
    head: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outside_module, "PATIENCE", 0.5)
    with pouring(head, b"w", 0.05) as address:
        assert words in asked(address)


def test_a_small_answer_does_not_become_a_large_one() -> None:
    bomb = gzip.compress(b"\0" * 50_000_000)
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/plain"}
    tracemalloc.start()
    try:
        with serving(lambda _: Answer(200, headers, bomb)) as address:
            assert 'does not contain "well"' in asked(address)
        assert tracemalloc.get_traced_memory()[1] < 20 * LIMIT
    finally:
        tracemalloc.stop()


def test_nobody_is_followed_to_another_place() -> None:
    seen: list[str] = []

    def elsewhere(request: object) -> Answer:
        seen.append("asked")
        return Answer(body=b"well")

    with serving(elsewhere) as other:
        moved = Answer(302, {"Location": f"http://{other}/"})
        with serving(lambda _: moved) as address:
            assert "answered 302, not 200" in asked(address)
    assert seen == []


CHARSETS = ["idna", "base64", "utf-16", "no such", "\xff", "unicode_escape"]


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_charset_that_is_none_is_read_somehow(charset: str) -> None:
    answer = Answer(200, {"Content-Type": f"text/plain; charset={charset}"}, b"\xffsick \\N")
    with serving(lambda _: answer) as address:
        assert 'does not contain "well"' in asked(address)


ANSWERS = st.builds(
    Answer,
    status=st.integers(200, 999),
    headers=st.dictionaries(
        st.sampled_from(["Content-Type", "Location", "Content-Encoding", "X-A", "Set-Cookie"]),
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=30),
    ),
    body=st.binary(max_size=80),
) | st.builds(Answer, raw=st.binary(max_size=80) | st.binary(max_size=60).map(b"HTTP/1.1 ".__add__))


@settings(max_examples=200)
@given(answer=ANSWERS)
def test_only_our_error_comes_out_of_garbage(answer: Answer) -> None:
    with serving(lambda _: answer) as address:
        told = asked(address)
    assert told == "" or "http://shop.localhost/" in told


def test_the_probe_counts_garbage_as_lost_and_goes_on() -> None:
    turn: Iterator[Answer] = iter([Answer(raw=b"\0"), Answer(503), Answer(body=b"well")])
    last = Answer(body=b"well")
    with serving(lambda _: next(turn, last)) as address:
        probe = Probe([outside_at(address)], "/", rate=200)
        probe.start()
        waited(lambda: probe.answered >= 2)
        probe.stop()
    assert probe.lost == 2


def waited(condition: Callable[[], bool]) -> None:
    until = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < until, "in vain"
        time.sleep(0.01)


def test_a_name_that_cannot_be_asked_for_is_refused_by_the_config() -> None:
    odd = ({"path": "/a\r\nX: y"}, {"path": "/\0"}, {"domain": "a\r\nb"}, {"domain": "ä.example"})
    for over in odd:
        with pytest.raises(ValueError, match="should match pattern"):
            Smoke.model_validate(over)
