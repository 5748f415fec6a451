"""A steady load over several kept-alive connections, and what became of each request."""

import itertools
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

LOST = (502, 503, 504)  # the proxy's own words for "nobody answered me"
TIMEOUT = 15  # seconds


@dataclass(frozen=True, slots=True)
class Answer:
    """One request: `status` is None when nothing came back. Times are seconds since the epoch."""

    request: str
    began: float
    ended: float
    status: int | None
    text: str

    @property
    def lost(self) -> bool:
        return self.status is None or self.status in LOST


class Load:
    """`rate` requests a second, spread over `connections`; each of `requests` ("GET /") in turn.

    A connection that has to wait for an answer sends what it missed afterwards, so nothing that
    was meant to be asked is left out.
    """

    def __init__(
        self,
        base: str,
        host: str,
        requests: Sequence[str],
        *,
        rate: float = 50,
        connections: int = 5,
    ) -> None:
        self._base, self._host = base, host
        self._requests = requests
        self._pause = connections / rate
        self._end = threading.Event()
        self._threads = [
            threading.Thread(target=self._run, args=(at, at / rate), daemon=True)
            for at in range(connections)
        ]
        self.answers: list[Answer] = []

    def __enter__(self) -> "Load":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._threads:
            thread.join()
        self.answers.sort(key=lambda answer: answer.ended)

    @property
    def lost(self) -> list[Answer]:
        return [answer for answer in self.answers if answer.lost]

    @property
    def served(self) -> list[Answer]:
        return [answer for answer in self.answers if not answer.lost]

    @property
    def longest_gap(self) -> float:
        """Seconds between two answers, one after the other."""
        ends = [answer.ended for answer in self.served]
        return max((after - before for before, after in itertools.pairwise(ends)), default=0.0)

    def _run(self, first: int, delay: float) -> None:
        mine = itertools.islice(itertools.cycle(self._requests), first, None)
        due = time.monotonic() + delay
        with client(self._base, self._host) as connection:
            while not self._end.wait(max(0.0, due - time.monotonic())):
                self.answers.append(ask(connection, next(mine)))
                due += self._pause


def client(base: str, host: str) -> httpx.Client:
    """One connection that is kept; it is opened again when the other side has closed it."""
    return httpx.Client(
        base_url=base,
        headers={"Host": host},
        limits=httpx.Limits(max_connections=1),
        timeout=TIMEOUT,
        trust_env=False,
    )


def ask(connection: httpx.Client, request: str) -> Answer:
    """Send "METHOD path" once. Nothing is tried again."""
    method, _, path = request.partition(" ")
    began = time.time()
    try:
        answer = connection.request(method, path, content=b"{}" if method == "POST" else None)
    except httpx.HTTPError as error:
        return Answer(request, began, time.time(), None, repr(error))
    return Answer(request, began, time.time(), answer.status_code, answer.text)


class Trickle:
    """One request begun every `pause` seconds, each on a connection of its own, however long the
    answers take; leaving the block waits for all of them."""

    def __init__(self, base: str, host: str, request: str, *, pause: float) -> None:
        self._base, self._host, self._request, self._pause = base, host, request, pause
        self._end = threading.Event()
        self._asking = [threading.Thread(target=self._begin_all)]
        self.answers: list[Answer] = []

    def __enter__(self) -> "Trickle":
        self._asking[0].start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        for thread in self._asking:  # grows until its first one has ended
            thread.join()

    def _begin_all(self) -> None:
        while True:
            self._asking.append(threading.Thread(target=self._one))
            self._asking[-1].start()
            if self._end.wait(self._pause):
                return

    def _one(self) -> None:
        with client(self._base, self._host) as connection:
            self.answers.append(ask(connection, self._request))
