"""The environment as the world sees it: requests through the proxy's published port."""

import re
import ssl
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import httpx

from fairlead.config import Environment, Smoke
from fairlead.errors import HealthCheckFailed

LARGEST = 20_000  # characters of an answer that are shown
LIMIT = 1_048_576  # bytes of an answer that are read
PATIENCE = 10.0  # seconds for an answer to begin, for silence, and for all of it
LOST = (502, 503, 504)  # the proxy's own words for "nobody answered me"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: httpx.Headers
    text: str


class Outside:
    """One host's proxy, asked from outside. `authority` is the PEM of an internal CA; `redact`
    blanks secrets in an answer before it is cut: half of one could not be found any more."""

    def __init__(
        self,
        settings: Environment,
        address: str,
        authority: bytes | None = None,
        redact: Callable[[str], str] = str,
    ) -> None:
        self.domain, self.redact = settings.domain, redact
        secure = settings.tls != "off"
        port = settings.https_port if secure else settings.http_port
        self.base = f"{'https' if secure else 'http'}://{address}:{port}"
        verify = ssl.create_default_context(cadata=authority.decode() if authority else None)
        self._client = httpx.Client(
            base_url=self.base,
            verify=verify,
            timeout=PATIENCE,
            follow_redirects=False,
            trust_env=False,
            headers={"Accept-Encoding": "identity"},  # a small answer may not become a large one
        )

    def get(self, path: str, domain: str | None = None) -> Answer:
        """What came of the first MiB within 10 s. Raises httpx.HTTPError when there is no answer,
        or no end of it."""
        host = domain or self.domain
        extensions = {"sni_hostname": host}
        with self._client.stream(
            "GET", path, headers={"Host": host}, extensions=extensions
        ) as answer:
            body = _read(answer, time.monotonic() + PATIENCE)
            return Answer(answer.status_code, answer.headers, _text(body, answer.charset_encoding))

    def close(self) -> None:
        self._client.close()


def _read(answer: httpx.Response, deadline: float) -> bytes:
    body = bytearray()
    for piece in answer.iter_raw():
        body += piece
        if len(body) >= LIMIT:
            break
        if time.monotonic() > deadline:
            raise httpx.ReadTimeout(f"it did not end its answer in {PATIENCE:g} s")
    return bytes(body[:LIMIT])


def _text(body: bytes, encoding: str | None) -> str:
    """In the encoding that it names, where Python knows that as one of text."""
    try:
        return body.decode(encoding or "utf-8", "replace")
    except (LookupError, ValueError):
        return body.decode("utf-8", "replace")


def check(outside: Outside, smoke: Smoke) -> None:
    """One request and what has to come back. Raises HealthCheckFailed."""
    scheme = outside.base.partition("://")[0]
    url = f"{scheme}://{smoke.domain or outside.domain}{smoke.path}"
    try:
        answer = outside.get(smoke.path, smoke.domain)
    except httpx.HTTPError as error:
        raise HealthCheckFailed(url, f"gave no answer at {outside.base}: {error}") from error
    problem = wrong(smoke, answer.status, answer.headers, answer.text, outside.redact)
    if problem:
        raise HealthCheckFailed(url, problem)


def wrong(
    smoke: Smoke,
    status: int,
    headers: httpx.Headers,
    body: str,
    redact: Callable[[str], str] = str,
) -> str | None:
    """What of the answer is not as expected, or None; pure."""
    if status != smoke.status:
        return f"answered {status}, not {smoke.status}{excerpt(redact(body[:LARGEST]))}"
    if smoke.body is not None and smoke.body not in body:
        return f'does not contain "{smoke.body}"'
    for name, value in smoke.headers.items():
        if headers.get(name) != value:
            return f"has the header {name}: {headers.get(name)}, not {value}"
    return None


def excerpt(body: str) -> str:
    """The beginning of an answer's text on one line, for a message."""
    text = " ".join(re.sub(r"<[^>]*>", " ", body[:2000]).split())
    return f': "{text[:200]}"' if text else ""


class Probe:
    """A steady request through each proxy, counting what was answered and what was lost.

    Lost is what got no answer, or the proxy's own 502, 503 or 504.
    """

    def __init__(self, outsides: Sequence[Outside], path: str, rate: float = 10) -> None:
        self._outsides = outsides
        self._path = path
        self._pause = 1 / rate
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self.answered = 0
        self.lost = 0

    def start(self) -> None:
        """Starting again goes on counting."""
        if self._thread is None:
            self._end.clear()
            self._thread = threading.Thread(target=self._run, name="fairlead probe", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        if self._thread is not None:
            self._end.set()
            self._thread.join()
            self._thread = None

    @property
    def count(self) -> tuple[int, int]:
        return self.answered, self.lost

    def _run(self) -> None:
        while not self._end.is_set():
            began = time.monotonic()
            for outside in self._outsides:
                self._one(outside)
            self._end.wait(max(0.0, self._pause - (time.monotonic() - began)))

    def _one(self, outside: Outside) -> None:
        try:
            lost = outside.get(self._path).status in LOST
        except httpx.HTTPError:
            lost = True
        self.lost += lost
        self.answered += not lost
