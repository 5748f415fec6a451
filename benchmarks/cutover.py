"""How a release is felt: Fairlead's cut-over beside "stop, remove, run, wait", under one load.

    .venv/bin/python -m benchmarks.cutover

Both change the shop from v1 to v2 and back, in turns, on the same engine, with the same images and
database and a Caddy in front, under 50 requests a second; Fairlead migrates and checks meanwhile,
the script does not. Prints a table and writes it to benchmarks/results/cutover.md. Takes about
three minutes on two cores that do nothing else.
"""

import itertools
import json
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import docker
import httpx

from benchmarks.load import Load
from benchmarks.machine import machine, middle, today
from benchmarks.stand import standing
from examples.shop.build import image_name
from fairlead.engine.target import archive
from tests.bench.bench import free_port
from tests.bench.shop import DOMAIN, Shop
from tests.bench.waiting import until

RESULTS = Path(__file__).parent / "results" / "cutover.md"
ROUNDS = 3
RATE = 50
REQUESTS = ("GET /api/products", "POST /api/version", "GET /api/version")
SCRIPTS = {
    "stop, remove, run, wait": "0s",  # Caddy's own default
    "the same, Caddy waits 5 s": "5s",
}
AROUND = 1.0  # seconds of load before and after


@dataclass(frozen=True, slots=True)
class Measured:
    """One change of version. `gap` is the longest time without an answer; both are seconds."""

    answered: int
    lost: int
    gap: float
    duration: float


@dataclass(frozen=True)
class Way:
    """One way to change versions: its address under load, and what is done in each round."""

    name: str
    address: str
    changes: Mapping[str, Callable[[], object]]


def main() -> None:
    with ready() as (shop, scripts):
        ways = [of_fairlead(shop), *(of_script(*named) for named in scripts.items())]
        found: dict[tuple[str, str], list[Measured]] = {}
        for _ in range(ROUNDS):
            for way in ways:
                for change, act in way.changes.items():
                    measured = measure(way.address, act)
                    print(f"{way.name}, {change}: {measured}", flush=True)
                    found.setdefault((way.name, change), []).append(measured)
        text = report(found, machine(shop.engine))
    print(text)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(text)


def of_fairlead(shop: Shop) -> Way:
    there = partial(shop.fairlead, "release", "dev", shop.sha("v2"), "--in-process")
    back = partial(shop.fairlead, "rollback", "dev", "--in-process")
    return Way("Fairlead", shop.address, {"release v2": there, "roll back to v1": back})


def of_script(name: str, script: "Script") -> Way:
    versions = itertools.cycle(["v2", "v1"])
    return Way(name, script.address, {"v1 ↔ v2": lambda: script.change(next(versions))})


def measure(address: str, act: Callable[[], object]) -> Measured:
    with Load(address, DOMAIN, REQUESTS, rate=RATE) as load:
        time.sleep(AROUND)
        began = time.monotonic()
        act()
        duration = time.monotonic() - began
        time.sleep(AROUND)
    return Measured(len(load.served), len(load.lost), load.longest_gap, duration)


# -- the script ----------------------------------------------------------------------------------


class Script:
    """What `docker rm -f`, `docker run -d`, `sleep 10` and a loop of curl do, behind a Caddy.

    `patience` is how long that waits for a container that is away; Fairlead's does so for 5 s.
    """

    def __init__(
        self,
        engine: docker.DockerClient,
        project: str,
        network: str,
        caddy: str,
        image: Callable[[str], str],
        environment: Mapping[str, str],
        patience: str,
    ) -> None:
        self._engine, self._network = engine, network
        self._image, self._environment = image, environment
        self._name = f"{project}-script-{patience}"
        self._labels = {"fairlead.project": project}
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        proxy = engine.containers.create(
            caddy,
            ["caddy", "run", "--config", "/etc/caddy.json"],
            name=f"{self._name}-proxy",
            network=network,
            ports={"80/tcp": ("127.0.0.1", port)},
            labels=self._labels,
        )
        proxy.put_archive(
            "/", archive({"etc/caddy.json": caddy_config(self._name, patience).encode()})
        )
        proxy.start()

    def change(self, version: str) -> None:
        for old in self._engine.containers.list(all=True, filters={"name": f"^/{self._name}$"}):
            old.remove(force=True)
        self._engine.containers.run(
            self._image(version),
            name=self._name,
            network=self._network,
            environment=dict(self._environment),
            labels=self._labels,
            detach=True,
        )
        time.sleep(10)
        until(self._answers, seconds=60)

    def _answers(self) -> bool:
        try:
            url = f"{self.address}/healthz"
            return httpx.get(url, headers={"Host": DOMAIN}, trust_env=False).is_success
        except httpx.HTTPError:
            return False


def caddy_config(upstream: str, patience: str) -> str:
    proxy = {
        "handler": "reverse_proxy",
        "upstreams": [{"dial": f"{upstream}:8000"}],
        "load_balancing": {"try_duration": patience},
    }
    server = {
        "listen": [":80"],
        "automatic_https": {"disable": True},
        "routes": [{"handle": [proxy]}],
    }
    return json.dumps({"apps": {"http": {"servers": {"main": server}}}})


# -- what both need ------------------------------------------------------------------------------


@contextmanager
def ready() -> Iterator[tuple[Shop, dict[str, Script]]]:
    """Both ways serve v1 on a database migrated for v2; everything is removed afterwards."""
    with standing(["v1", "v2"]) as stand:
        shop = stand.shop
        for version in ("v2", "v1"):
            shop.fairlead("release", "dev", shop.sha(version), "--in-process")
        scripts = {
            name: Script(
                stand.engine,
                shop.project,
                shop.data_network,
                stand.images.caddy,
                lambda version: image_name(stand.registry, "backend", stand.versions[version]),
                stand.settings(),
                patience,
            )
            for name, patience in SCRIPTS.items()
        }
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda script: script.change("v1"), scripts.values()))
        yield shop, scripts


def report(found: Mapping[tuple[str, str], list[Measured]], where: str) -> str:
    """The table, medians with the worst in brackets."""
    lines = [
        "# Cutting over under load",
        "",
        f"{today()}; {where}. The shop, {RATE} requests "
        f"a second over 5 kept-alive connections, {ROUNDS} rounds in turns; medians, and the worst "
        "in brackets.",
        "Made by `python -m benchmarks.cutover`, which says what both ways do.",
        "",
        "| way | change | answered | lost | longest gap, s | duration, s |",
        "|---|---|---|---|---|---|",
    ]
    for (way, change), measured in found.items():
        cells = [
            f"{statistics.median(one.answered for one in measured):.0f}",
            middle([one.lost for one in measured], ".0f"),
            middle([one.gap for one in measured], ".2f"),
            middle([one.duration for one in measured], ".1f"),
        ]
        lines.append(f"| {way} | {change} | {' | '.join(cells)} |")
    return "\n".join([*lines, ""])


if __name__ == "__main__":
    main()
