"""At most so many bytes a second from a server: a relay on this machine with a token bucket.

pg_dump has no such option. What it is given leads to the relay by `hostaddr`, and `host` stays what
it was: TLS goes through untouched, and the certificate is checked against the server's own name
(https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNECT-HOSTADDR). A server on a
Unix socket is reached by one, in a folder that is ours alone: the socket may say who we are.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo

Address = tuple[str, int] | str  # of a port, or of a Unix socket
MB = 1e6
CHUNK = 65_536
AHEAD = 0.1  # seconds' worth that may lie in the kernel's buffer: beyond that the server waits
SMALLEST, LARGEST = 65_536, 16_777_216  # bytes of that buffer
PATIENCE = 10  # seconds to connect
BACKLOG = 128


class Bucket:
    """Lets `rate` bytes a second through, over all who take from it. What was not used is not
    saved up."""

    def __init__(
        self,
        rate: float,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.rate, self._clock, self._sleep = rate, clock, sleep
        self._lock = threading.Lock()
        self._paid_at = clock()

    def take(self, count: int) -> None:
        """Returns once these bytes may go on."""
        with self._lock:
            now = self._clock()
            self._paid_at = max(self._paid_at, now) + count / self.rate
            left = self._paid_at - now
        self._sleep(left)


@contextmanager
def limited(conninfo: str, mb: float) -> Iterator[str]:
    """A conninfo that leads to the same database, `mb` MB (10**6 bytes) a second at most come from
    over all its connections; the same one where that is 0. Raises psycopg.OperationalError."""
    if not mb:
        yield conninfo
        return
    fields, server = _server(conninfo)
    bucket = Bucket(mb * MB)
    with TemporaryDirectory(prefix="fairlead-") as folder:
        if isinstance(server, str):
            ours: Address = str(Path(folder) / Path(server).name)
            fields = {**fields, "host": folder}
        else:
            ours = ("127.0.0.1", 0)
        with _Relay(ours, server, bucket) as port:
            if port:
                fields = {**fields, "hostaddr": "127.0.0.1", "port": port}
            yield make_conninfo(**fields)


def _server(conninfo: str) -> tuple[dict[str, Any], Address]:
    """Which of the hosts it names answers, and where: an address and a port, or a socket's path."""
    with psycopg.connect(conninfo, connect_timeout=PATIENCE) as connection:
        info = connection.info
        fields: dict[str, Any] = {**conninfo_to_dict(conninfo), "host": info.host}
        if info.password:  # a password file names the port that it is for
            fields["password"] = info.password
        fields["port"] = info.port
        fields.pop("hostaddr", None)
        if info.host.startswith("/"):
            return fields, f"{info.host}/.s.PGSQL.{info.port}"
        return fields, (info.hostaddr, info.port)


class _Relay:
    """Each connection to it becomes one to `server`; entering tells its port, 0 of a socket."""

    def __init__(self, ours: Address, server: Address, bucket: Bucket) -> None:
        self._ours, self._server, self._bucket = ours, server, bucket
        self._listening = _socket_for(ours)
        self._open: set[socket.socket] = set()
        self._ended = False
        self._lock = threading.Lock()

    def __enter__(self) -> int:
        self._listening.bind(self._ours)
        self._listening.listen(BACKLOG)
        _start(self._accept)
        name = self._listening.getsockname()
        return int(name[1]) if isinstance(name, tuple) else 0

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._ended = True
            left = list(self._open)
        for one in [self._listening, *left]:
            _shut(one, socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:  # it was shut
                return
            _start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with suppress(OSError), client, self._upstream() as server, self._kept(client, server):
            server.connect(self._server)
            server.settimeout(None)
            _start(_pass_on, client, server)
            _pass_on(server, client, self._bucket.take)

    def _upstream(self) -> socket.socket:
        """Its buffer is small, so that the server does not send ahead of what may come."""
        server = _socket_for(self._server)
        room = min(LARGEST, max(SMALLEST, int(self._bucket.rate * AHEAD)))
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        server.settimeout(PATIENCE)
        return server

    @contextmanager
    def _kept(self, *sockets: socket.socket) -> Iterator[None]:
        """Known to whoever ends the relay, and shut at the end: the other thread finds out."""
        with self._lock:
            if self._ended:
                raise ConnectionAbortedError
            self._open.update(sockets)
        try:
            yield
        finally:
            with self._lock:
                self._open.difference_update(sockets)
            for one in sockets:
                _shut(one, socket.SHUT_RDWR)


def _pass_on(
    source: socket.socket, to: socket.socket, before: Callable[[int], object] = lambda _: None
) -> None:
    """Until `source` says nothing more, which `to` is told."""
    buffer = memoryview(bytearray(CHUNK))
    with suppress(OSError):  # one of them was shut
        while count := source.recv_into(buffer):
            before(count)
            to.sendall(buffer[:count])
    _shut(to, socket.SHUT_WR)


def _socket_for(address: Address) -> socket.socket:
    if isinstance(address, str):
        return socket.socket(socket.AF_UNIX)
    made = socket.socket(socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def _shut(one: socket.socket, how: int) -> None:
    with suppress(OSError):  # the other side did before
        one.shutdown(how)


def _start(work: Callable[..., object], *given: object) -> None:
    threading.Thread(target=work, args=given, name="fairlead rate", daemon=True).start()
