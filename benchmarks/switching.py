"""What is lost when a proxy gets new routes, for several ways to put Caddy before an application.

    .venv/bin/python -m benchmarks.switching

Each way is told new routes again and again, under clients that POST as fast as they are answered
(wrk, of Debian's packages); the way Fairlead goes is made by Fairlead's own code. Prints a table
and writes it to benchmarks/results/switching.md. Takes about four minutes.
"""

import re
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from benchmarks.machine import machine, middle, today
from examples.stand.debian import ensure_debian_packages
from examples.stand.engine import ensure_engine
from examples.stand.images import ensure_images
from fairlead.config import parse
from fairlead.engine import routing
from fairlead.engine.caddy import Caddy

RESULTS = Path(__file__).parent / "results" / "switching.md"
ROUNDS = 3
SWITCHES = 20  # in each round
PAUSE = 0.3  # seconds between two
CONNECTIONS = 48
POST = 'wrk.method = "POST"\nwrk.body = "x=1"\n'
CLOSE: routing.Json = {
    "handle": [
        {"handler": "headers", "response": {"deferred": True, "set": {"Connection": ["close"]}}}
    ]
}


@dataclass(frozen=True, slots=True)
class Way:
    """`alone` is one Caddy without a router; `closing`, when each of its answers ends the
    connection; `socket` is where the router listens and is reached, otherwise."""

    name: str
    alone: bool = False
    closing: bool = False
    migrating: bool = False  # net.ipv4.tcp_migrate_req, of Linux 5.14
    socket: str = routing.SOCKET


WAYS = (
    Way("one Caddy", alone=True),
    Way("one Caddy, `Connection: close`", alone=True, closing=True),
    Way("the same, tcp_migrate_req", alone=True, closing=True, migrating=True),
    Way("proxy and router over TCP", socket=":8080"),
    Way("proxy and router over a Unix socket (Fairlead)"),
)


@dataclass(frozen=True, slots=True)
class Measured:
    """One round. `switch` is the median of seconds until the new routes were taken."""

    answered: int
    lost: int
    rate: float
    switch: float


def main() -> None:
    ensure_debian_packages(["wrk"], print)
    engine = ensure_engine(print)
    image = ensure_images(engine, print).caddy
    found: dict[str, list[Measured]] = {way.name: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            with Bench(engine, image, way) as bench:
                found[way.name].append(bench.measure())
            print(f"{way.name}: {found[way.name][-1]}", flush=True)
    text = report(found, machine(engine))
    print(text)
    RESULTS.write_text(text)


class Bench:
    """One way in a network of its own, before two versions of an application."""

    def __init__(self, engine: docker.DockerClient, image: str, way: Way) -> None:
        self._engine, self._way = engine, way
        self._name = f"fairlead-benchmark-{uuid.uuid4().hex[:8]}"
        self._image = image
        self._front = Caddy(engine, f"{self._name}-dev-proxy", "proxy", "here")
        self._router = (
            self._front
            if way.alone
            else Caddy(engine, f"{self._name}-dev-router", "router", "here")
        )

    def __enter__(self) -> "Bench":
        self._engine.networks.create(f"{self._name}-dev")
        for version in "ab":
            self._engine.containers.run(
                self._image,
                ["caddy", "respond", "--listen", ":8000", version],
                name=f"{self._name}-{version}",
                network=f"{self._name}-dev",
                detach=True,
            )
        for caddy, container, apps in self._caddys():
            spec = container(self._config(), "dev")
            spec["labels"] = {"fairlead.spec": "benchmark"}
            if self._way.migrating:
                spec["sysctls"] = {"net.ipv4.tcp_migrate_req": "1"}
            caddy.ensure(spec, apps)
        return self

    def __exit__(self, *_: object) -> None:
        for container in self._engine.containers.list(all=True, filters={"name": self._name}):
            container.remove(force=True, v=True)
        self._engine.networks.get(f"{self._name}-dev").remove()
        for volume in self._engine.volumes.list(filters={"name": self._name}):
            volume.remove()

    def measure(self) -> Measured:
        with loaded(self._address()) as wrk:
            took = [self._switch("ab"[at % 2]) for at in range(SWITCHES)]
            said = wrk.communicate()[0]
        return Measured(
            answered=number(r"(\d+) requests in", said),
            lost=sum(map(int, re.findall(r"(?:read|write|timeout) (\d+)", said)))
            + number(r"Non-2xx or 3xx responses: (\d+)", said),
            rate=float(re.findall(r"Requests/sec: +([\d.]+)", said)[0]),
            switch=statistics.median(took),
        )

    def _switch(self, version: str) -> float:
        began = time.monotonic()
        self._router.load(self._routes(version))
        took = time.monotonic() - began
        time.sleep(PAUSE)
        return took

    def _config(self) -> Any:
        here = {
            "hosts": ["unix:///var/run/docker.sock"],
            "domain": "localhost",
            "tls": "off",
            "bind": "127.0.0.1",
            "http_port": 1,  # nobody asks it: the container is asked at its own address
        }
        return parse(
            {
                "project": self._name,
                "registry": {"host": "localhost"},
                "proxy": {"image": self._image},
                "services": {"web": {"image": "web", "port": 8000, "routes": [{"path": "/"}]}},
                "environments": {"dev": here},
            },
            source="benchmark",
        )

    def _caddys(self) -> Iterator[tuple[Caddy, Any, routing.Json]]:
        if not self._way.alone:
            front = routing.proxy_apps(self._config(), "dev")
            (route,) = front["http"]["servers"]["main"]["routes"]
            if self._way.socket != routing.SOCKET:
                there = {"dial": f"{self._name}-dev-router{self._way.socket}"}
                route["handle"] = [{**routing.TO_ROUTER, "upstreams": [there]}]
            yield self._front, routing.proxy_container, front
        container = routing.proxy_container if self._way.alone else routing.router_container
        yield self._router, container, self._routes("a")

    def _routes(self, version: str) -> routing.Json:
        to = routing.to_containers([{"dial": f"{self._name}-{version}:8000"}])
        routes = [*([CLOSE] if self._way.closing else []), {"handle": [to]}]
        apps = routing.router_apps(routes)
        listen = ":80" if self._way.alone else self._way.socket
        apps["http"]["servers"]["main"]["listen"] = [listen]
        return apps

    def _address(self) -> str:
        """The proxy's own, past the engine's forwarding, which would hide what is reset."""
        attrs = self._front.running()
        attrs.reload()
        return str(attrs.attrs["NetworkSettings"]["Networks"][f"{self._name}-dev"]["IPAddress"])


@contextmanager
def loaded(address: str) -> Iterator["subprocess.Popen[str]"]:
    """wrk, from a second before the switches on until a while after them."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(POST)
        script.flush()
        seconds = round(SWITCHES * (PAUSE + 0.2)) + 3
        command = ["wrk", "-t2", f"-c{CONNECTIONS}", f"-d{seconds}s", "-s", script.name]
        with subprocess.Popen(
            [*command, f"http://{address}/"], stdout=subprocess.PIPE, text=True
        ) as wrk:
            time.sleep(1)
            yield wrk


def number(pattern: str, text: str) -> int:
    found = re.search(pattern, text)
    return int(found[1]) if found else 0


def report(found: dict[str, list[Measured]], where: str) -> str:
    lines = [
        "# New routes under load",
        "",
        f"{today()}; {where}. {SWITCHES} switches a round under {CONNECTIONS} connections that "
        f"POST as fast as they are answered, {ROUNDS} rounds in turns; medians, and the worst in "
        "brackets.",
        "Made by `python -m benchmarks.switching`.",
        "",
        "| way | answered | lost | answers a second | a switch, s |",
        "|---|---|---|---|---|",
    ]
    for way, rounds in found.items():
        cells = [
            f"{statistics.median(one.answered for one in rounds):.0f}",
            middle([one.lost for one in rounds], ".0f"),
            f"{statistics.median(one.rate for one in rounds):.0f}",
            middle([one.switch for one in rounds], ".2f"),
        ]
        lines.append(f"| {way} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
