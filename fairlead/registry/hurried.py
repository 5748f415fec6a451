"""Connections on which each half of an answer, head and body, is whole within the time-out.

http.client and urllib3 have a time-out for each silence only, so that an answer which drips has no
end. Here what is left of the time is the time-out of each piece.
"""

import io
import socket
import time
from http.client import HTTPResponse
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

AT_ONCE = 0.001  # seconds; 0 would not wait at all, and not be a time-out


class _Hurried(io.RawIOBase):
    """What `raw` reads from `connection`, until the time is over."""

    def __init__(self, raw: io.RawIOBase, connection: socket.socket) -> None:
        self._raw, self._connection = raw, connection
        self._timeout = connection.gettimeout()
        self.begin()

    def begin(self) -> None:
        """From now on the time counts anew."""
        self._began = time.monotonic()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._timeout is not None:
            left = self._began + self._timeout - time.monotonic()
            self._connection.settimeout(max(left, AT_ONCE))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Answer(HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._hurried = _Hurried(self.fp.detach(), sock)
        self.fp = io.BufferedReader(self._hurried)

    def begin(self) -> None:
        super().begin()
        self._hurried.begin()


class _Plain(HTTPConnection):
    response_class = _Answer


class _Tls(HTTPSConnection):
    response_class = _Answer


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _Tls


POOLS = {"http": _PlainPool, "https": _TlsPool}
