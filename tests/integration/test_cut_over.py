"""What a client of the proxy sees while releases come and go behind it."""

import http.client
import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress

import pytest

from fairlead.model import ReleaseState, StepName
from tests.bench.bench import Bench, free_port
from tests.bench.waiting import until


class Kept:
    """One connection to the proxy; asking on it fails if it was closed in between."""

    def __init__(self, connection: http.client.HTTPConnection, host: str) -> None:
        connection.connect()
        self._connection, self._host = connection, host
        self._socket = connection.sock

    def ask(self, path: str = "/", **headers: str) -> str:
        self._connection.request("GET", path, headers={"Host": self._host, **headers})
        text = self._connection.getresponse().read().decode()
        assert self._connection.sock is self._socket, "the proxy asked for a new connection"
        return text


@contextmanager
def kept(bench: Bench) -> Iterator[Kept]:
    connection = http.client.HTTPConnection("127.0.0.1", bench.port, timeout=15)
    try:
        yield Kept(connection, f"{bench.project}.localhost")
    finally:
        connection.close()


def test_connection_of_a_client_outlives_a_release_and_a_rollback(bench: Bench) -> None:
    bench.release(bench.push("v1"))
    with kept(bench) as client:
        assert client.ask() == "v1"
        bench.release(bench.push("v2"))
        assert client.ask() == "v2"
        assert bench.rollback().state is ReleaseState.SUCCEEDED
        assert client.ask() == "v1"


class Talk:
    """A connection that is no HTTP any more, as a WebSocket's: a line each way."""

    def __init__(self, bench: Bench) -> None:
        self._socket = socket.create_connection(("127.0.0.1", bench.port), timeout=15)
        self._lines = self._socket.makefile("rb")
        asked = ["GET /talk HTTP/1.1", f"Host: {bench.project}.localhost"]
        asked += ["Connection: Upgrade", "Upgrade: lines", "", ""]
        self._socket.sendall("\r\n".join(asked).encode())
        assert b" 101 " in self._lines.readline()
        while self._lines.readline().strip():
            pass  # headers

    def say(self) -> str:
        """The answer; empty when the other side has hung up."""
        self._socket.sendall(b"hello\n")
        return self._lines.readline().decode().strip()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


def test_websocket_goes_on_through_the_switch_until_its_container_has_been_drained(
    bench: Bench,
) -> None:
    bench.configure(services={"web": {"drain": 3}})
    bench.release(bench.push("v1"))
    second = bench.push("v2")
    with closing(Talk(bench)) as stays, closing(Talk(bench)) as leaves:
        assert (stays.say(), leaves.say()) == ("v1", "v1")
        with ThreadPoolExecutor(1) as pool:
            releasing = pool.submit(bench.release, second)
            until(lambda: bench.serves() == "v2", seconds=60)
            assert (stays.say(), leaves.say()) == ("v1", "v1")
            leaves.close()
            release = releasing.result()
        with suppress(ConnectionError):
            assert stays.say() == ""
    said = next(one for one in bench.steps(release.id) if one.name is StepName.RETIRE).log_tail
    assert said == f"local: {bench.project}-dev-web-1-1 stopped, 1 requests were cut off"


def test_application_is_told_who_asks_and_not_what_he_claims(bench: Bench) -> None:
    bench.release(bench.push("v1"))
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    with kept(bench) as client:
        told = json.loads(client.ask("/headers", **forged))
    assert told["Host"] == told["X-Forwarded-Host"] == f"{bench.project}.localhost"
    assert told["X-Forwarded-Proto"] == "http"
    # The engine's own gateway, through which a request from this machine comes in.
    network = bench.engine.networks.get(f"{bench.project}-dev")
    assert told["X-Forwarded-For"] == network.attrs["IPAM"]["Config"][0]["Gateway"]


@pytest.mark.parametrize("tls", ["off", "internal"])
def test_domain_that_a_release_adds_is_served_and_leaves_with_it(bench: Bench, tls: str) -> None:
    ports = {"tls": tls, "https_port": free_port()}
    bench.configure(environments={"dev": ports})
    assert bench.release(bench.push("v1")).error is None
    extra = f"extra.{bench.project}.localhost"
    smoke = [{"path": "/"}, {"path": "/", "domain": extra}]
    bench.configure(environments={"dev": {**ports, "aliases": [extra]}}, smoke=smoke)
    assert bench.release(bench.push("v2")).error is None
    assert bench.rollback().error is None


def test_plain_http_is_led_to_the_port_of_https(bench: Bench) -> None:
    https = free_port()
    bench.configure(environments={"dev": {"tls": "internal", "https_port": https}})
    bench.release(bench.push("v1"))
    answer = bench.get("/a?b=c")
    assert answer.status_code == 308
    assert answer.headers["Location"] == f"https://{bench.project}.localhost:{https}/a?b=c"


def test_settings_of_the_proxy_that_change_keep_what_it_serves(bench: Bench) -> None:
    bench.release(bench.push("v1"))
    bench.port = free_port()
    bench.configure()
    assert bench.release(bench.push("v2")).error is None
    assert bench.serves() == "v2"


def test_proxy_that_is_gone_is_seen_and_made_again(bench: Bench) -> None:
    sha = bench.push("v1")
    bench.release(sha)
    (proxy,) = bench.containers("proxy")
    bench.engine.containers.get(proxy).remove(force=True)
    with pytest.raises(OSError, match="refused"):
        socket.create_connection(("127.0.0.1", bench.port), timeout=5)
    assert bench.release(sha).state is ReleaseState.SUCCEEDED
    assert bench.serves() == "v1"
