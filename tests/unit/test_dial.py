"""HTTP through `nc` in a container: the request's bytes, and answers out of the engine's frames."""

import itertools
import struct
from itertools import pairwise
from types import SimpleNamespace
from typing import Any, cast

import pytest
from docker.models.containers import Container
from hypothesis import given
from hypothesis import strategies as st

from fairlead.engine import dial as dial_module
from fairlead.engine.dial import Answer, NoAnswer, build_request, dial


def frame(payload: bytes, stream: int = 1) -> bytes:
    return struct.pack(">BxxxL", stream, len(payload)) + payload


class Socket:
    """Plays `pieces` to who reads; keeps what was sent."""

    def __init__(self, *pieces: bytes | Exception) -> None:
        self.pieces = list(pieces)
        self.sent = b""
        self.shut = False
        self.closed = False

    def settimeout(self, seconds: float) -> None:
        self.timeout = seconds

    def sendall(self, data: bytes) -> None:
        self.sent += data

    def recv(self, _: int) -> bytes:
        piece = self.pieces.pop(0) if self.pieces else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    def shutdown(self, _: int) -> None:
        self.shut = True

    def close(self) -> None:
        self.closed = True


class Engine:
    """As much of a container and its engine's API as `dial` asks for."""

    def __init__(self, socket: Socket) -> None:
        self.socket, self.commands = socket, list[list[str]]()
        self.client, self.api, self.id, self.name = self, self, "1", "shop-dev-proxy"

    def exec_create(self, _: str, command: list[str], **flags: bool) -> dict[str, str]:
        assert flags == {"stdin": True, "stdout": True, "stderr": True}
        self.commands.append(command)
        return {"Id": "exec"}

    def exec_start(self, exec_id: str, socket: bool) -> Socket:
        assert (exec_id, socket) == ("exec", True)
        return self.socket


def dialled(socket: Socket) -> Answer:
    engine = Engine(socket)
    try:
        inside = cast(Container, engine)
        return dial(inside, ("web-1", 8000), b"GET", host="local", timeout=3)
    finally:
        assert engine.commands == [["nc", "web-1", "8000"]]
        assert (socket.sent, socket.timeout, socket.closed) == (b"GET", 3, True)


def test_a_request_is_closed_after_its_answer() -> None:
    assert build_request("GET", "/healthz", "dev.example") == (
        b"GET /healthz HTTP/1.1\r\nHost: dev.example\r\nConnection: close\r\n"
        b"User-Agent: fairlead\r\nAccept: */*\r\n\r\n"
    )


def test_a_request_with_a_body_says_how_long_it_is() -> None:
    assert build_request("POST", "/config/apps", "localhost:2019", '{"ä": 1}'.encode()) == (
        b"POST /config/apps HTTP/1.1\r\nHost: localhost:2019\r\nConnection: close\r\n"
        b"User-Agent: fairlead\r\nAccept: */*\r\n"
        b"Content-Type: application/json\r\nContent-Length: 9\r\n\r\n"
        b'{"\xc3\xa4": 1}'
    )


WELL = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-Version: v1\r\n\r\nwell"


def test_an_answer_is_read_to_its_length() -> None:
    socket = Socket(frame(WELL))
    answer = dialled(socket)
    assert (answer.status, answer.text) == (200, "well")
    assert answer.headers == {"Content-Length": "4", "X-Version": "v1"}
    assert not socket.shut


@given(cuts=st.lists(st.integers(0, len(WELL) + 16), max_size=6))
def test_an_answer_may_come_in_any_pieces(cuts: list[int]) -> None:
    whole = frame(WELL[:11]) + frame(WELL[11:])
    at = [0, *sorted(set(cuts) - {0}), len(whole)]
    pieces = [whole[start:end] for start, end in pairwise(at)]
    assert dialled(Socket(*[piece for piece in pieces if piece])).text == "well"


def test_a_chunked_answer_is_put_together() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwe\r\n2\r\nll\r\n0\r\n\r\n"
    )
    assert dialled(Socket(frame(chunked))).text == "well"


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    socket = Socket(frame(b"HTTP/1.0 503 No\r\n\r\nsi"), frame(b"ck"))
    answer = dialled(socket)
    assert (answer.status, answer.text) == (503, "sick")
    assert socket.shut  # else nc would wait for us as we wait for it


def test_a_body_is_read_to_a_limit() -> None:
    body = b"x" * 1_500_000
    assert len(dialled(Socket(frame(b"HTTP/1.0 200 OK\r\n\r\n" + body))).body) == 1_048_576


@pytest.mark.parametrize("beginning", [b"", WELL[:-4], b"HTTP/1.0 200 OK\r\n\r\n"])
def test_an_answer_that_never_ends_is_given_up(
    beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A byte a second: each comes in time."""
    clock = itertools.count()
    monkeypatch.setattr(dial_module, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    drip = Socket(*([frame(beginning)] if beginning else []), *[frame(b"x")] * 100)
    with pytest.raises(NoAnswer, match="no answer in time"):
        dialled(drip)
    assert len(drip.pieces) > 90


def test_what_is_no_utf8_can_still_be_shown() -> None:
    assert dialled(Socket(frame(b"HTTP/1.0 200 OK\r\n\r\n\xff"))).text == "\ufffd"


@pytest.mark.parametrize(
    ("pieces", "why"),
    [
        ([], "connection refused or closed without an answer"),
        ([b"\x01\x00"], "connection refused or closed without an answer"),
        ([TimeoutError()], "no answer in time"),
        ([OSError("broken")], "broken"),
        ([frame(b"nc: web-1 (10.0.0.1:8000): Connection refused\n", 2)],
         "nc: web-1 (10.0.0.1:8000): Connection refused"),
        ([frame(b"SSH-2.0-OpenSSH\r\n")], "SSH-2.0-OpenSSH\r\n"),
        ([frame(WELL[:-2])], "IncompleteRead(2 bytes read, 2 more expected)"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_told_in_words(pieces: list[Any], why: str) -> None:
    with pytest.raises(NoAnswer) as caught:
        dialled(Socket(*pieces))
    assert str(caught.value) == why
