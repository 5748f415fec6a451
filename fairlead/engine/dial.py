"""HTTP to what only containers can reach: spoken through `nc` inside the proxy's container.

No port is opened for it, and it works the same over unix:// and ssh:// engines. The frames are
those of https://docs.docker.com/reference/api/engine/version/v1.41/#tag/Container/operation/ContainerAttach
"""

import http.client
import io
import struct
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from docker.models.containers import Container

from fairlead.engine.connect import engine_errors

LIMIT = 1_048_576  # bytes of an answer that are read


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode("utf-8", "replace")


class NoAnswer(Exception):
    """Nothing that is HTTP came back: refused, timed out, or cut off."""


class _Stream(io.RawIOBase):
    """What nc prints, out of the frames of the exec, until `deadline`; `last_words` is what it said
    to stderr."""

    def __init__(self, socket: Any, deadline: float) -> None:
        self._socket, self._deadline = socket, deadline
        self._frames = b""
        self._text = b""
        self.last_words = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._text:
            if time.monotonic() > self._deadline:
                raise TimeoutError
            received = self._socket.recv(65_536)
            if not received:
                return 0
            self._frames += received
            self._unpack()
        count = min(len(buffer), len(self._text))
        buffer[:count], self._text = self._text[:count], self._text[count:]
        return count

    def _unpack(self) -> None:
        while len(self._frames) >= 8:
            stream, length = struct.unpack(">BxxxL", self._frames[:8])
            if len(self._frames) < 8 + length:
                return
            payload, self._frames = self._frames[8 : 8 + length], self._frames[8 + length :]
            if stream == 1:
                self._text += payload
            else:
                self.last_words += payload


class _Socket:
    """As much of a socket as http.client.HTTPResponse asks for."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        return io.BufferedReader(self._stream)


def build_request(
    method: str, path: str, host: str, body: bytes = b"", content_type: str = "application/json"
) -> bytes:
    """The bytes of an HTTP/1.1 request (RFC 9112)."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", "Connection: close"]
    lines += ["User-Agent: fairlead", "Accept: */*"]
    if body:
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def dial(
    inside: Container, address: tuple[str, int], request: bytes, *, host: str, timeout: float
) -> Answer:
    """The answer of `address`, asked from inside the container. Raises NoAnswer, HostUnreachable,
    EngineError. `timeout` is seconds for the answer to begin, and for all of it."""
    api = inside.client.api  # type: ignore[union-attr] # a container from a client has one
    with engine_errors(host, f"ask {address[0]}:{address[1]} from {inside.name}"):
        command = ["nc", address[0], str(address[1])]
        started = api.exec_create(inside.id, command, stdin=True, stdout=True, stderr=True)
        raw = api.exec_start(started["Id"], socket=True)
    socket: Any = getattr(raw, "_sock", raw)  # a unix socket is wrapped, an SSH channel is not
    stream = _Stream(socket, time.monotonic() + timeout)
    try:
        socket.settimeout(timeout)
        socket.sendall(request)
        return _answer(stream, socket)
    except (http.client.HTTPException, OSError, EOFError) as error:
        said = stream.last_words.decode("utf-8", "replace").strip()
        raise NoAnswer(said or _words(error)) from error
    finally:
        raw.close()


def _answer(stream: _Stream, socket: Any) -> Answer:
    response = http.client.HTTPResponse(cast(Any, _Socket(stream)))
    response.begin()
    if response.length is None and not response.chunked:
        # The body ends with the connection, and nc ends when nobody talks to it any more.
        getattr(socket, "shutdown_write", lambda: socket.shutdown(1))()
    body = response.read(LIMIT)
    if response.length and len(body) < LIMIT:
        raise http.client.IncompleteRead(body, response.length)
    return Answer(response.status, dict(response.getheaders()), body)


def _words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, http.client.RemoteDisconnected):
        return "connection refused or closed without an answer"
    return str(error) or type(error).__name__
