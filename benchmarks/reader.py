"""Somebody who reads a database without pause, connects again when that ends, and says how long
nothing was answered."""

import threading
import time
from contextlib import suppress

import psycopg

PAUSE = 0.002  # seconds between two questions


class Reader:
    """Seconds: `breaks` are from the last answer of a connection to the first of the next one,
    `waited` the longest between two answers of the same."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader", daemon=True)
        self._last: float | None = None
        self.breaks: list[float] = []
        self.waited = 0.0

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._end.is_set():
            with (
                suppress(psycopg.OperationalError),
                psycopg.connect(self._conninfo, autocommit=True) as connection,
            ):
                self._ask(connection)

    def _ask(self, connection: psycopg.Connection) -> None:
        first = True
        while not self._end.is_set():
            connection.execute("select count(*) from tenant").fetchone()
            self._answered(first=first)
            first = False
            time.sleep(PAUSE)

    def _answered(self, *, first: bool) -> None:
        now = time.monotonic()
        if self._last is not None and first:
            self.breaks.append(now - self._last)
        elif self._last is not None:
            self.waited = max(self.waited, now - self._last)
        self._last = now
