"""Somebody who reads a database without pause, connects again when that ends, and says how long
nothing was answered."""

import threading
import time
from contextlib import suppress

import psycopg

PAUSE = 0.002  # seconds between two questions


class Reader:
    """`gaps` are the longest times without an answer, the longest first, in seconds."""

    def __init__(self, conninfo: str) -> None:
        self._conninfo = conninfo
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._read, name="reader", daemon=True)
        self._answers: list[float] = []
        self.refused = 0

    def __enter__(self) -> "Reader":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _read(self) -> None:
        while not self._end.is_set():
            try:
                with suppress(psycopg.OperationalError), psycopg.connect(self._conninfo) as asking:
                    self._ask(asking)
            finally:
                self.refused += not self._end.is_set()

    def _ask(self, connection: psycopg.Connection) -> None:
        connection.autocommit = True
        while not self._end.is_set():
            connection.execute("select count(*) from tenant").fetchone()
            self._answers.append(time.monotonic())
            time.sleep(PAUSE)

    @property
    def answered(self) -> int:
        return len(self._answers)

    @property
    def gaps(self) -> list[float]:
        pairs = zip(self._answers, self._answers[1:], strict=False)
        return sorted((later - earlier for earlier, later in pairs), reverse=True)
