"""How long a release to many hosts takes: by the number of its batches, not of its hosts?

    .venv/bin/python -m benchmarks.hosts [--rounds 3]

Twenty Docker engines on this machine, each in a network namespace of its own; one service, one
container on each host, which has to be healthy four times, a second apart: that, and not the two
cores that all engines share, is what a host waits for. Releases change v1 to v2 and back, by
different numbers of hosts and sizes of batches, in turns. Writes benchmarks/results/hosts.md.
Takes about fifteen minutes.
"""

import argparse
import math
import statistics
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import psutil

from benchmarks.machine import machine, middle, today
from benchmarks.stand import Ground, ground
from fairlead.model import StepName
from tests.bench.bench import Bench
from tests.bench.images import push
from tests.bench.second_engine import SecondEngine, second_engine

RESULTS = Path(__file__).parent / "results" / "hosts.md"
HOSTS = 20
PASSES = 4  # a second apart


@dataclass(frozen=True)
class Shape:
    hosts: int
    batch: int

    @property
    def batches(self) -> int:
        return math.ceil(self.hosts / self.batch)


SHAPES = tuple(
    Shape(*shape) for shape in ((2, 2), (4, 4), (20, 20), (2, 1), (4, 2), (20, 10), (4, 1), (20, 5))
)
Taken = tuple[float, float, float]  # seconds of the deploy step and of the whole command; busy


def main() -> None:
    rounds = arguments().rounds
    with ground() as below, engines(below, HOSTS) as hosts:
        proxy = push(below.engine, below.images.caddy, f"{below.registry.address}/proxy:1")
        benches = {shape: bench_of(below, shape, hosts, proxy) for shape in SHAPES}
        for bench in benches.values():
            change(bench, "v2")
        found: dict[Shape, list[Taken]] = {shape: [] for shape in SHAPES}
        for version in islice(cycle(["v1", "v2"]), rounds):
            for shape, bench in benches.items():
                found[shape].append(change(bench, version))
                print(f"{shape}: {found[shape][-1]}", flush=True)
        text = "\n".join(report(found, machine(below.engine)))
    print(text)
    RESULTS.write_text(text + "\n")


@contextmanager
def engines(below: Ground, count: int) -> Iterator[list[SecondEngine]]:
    """By their socket: SSH is the same work for each host, and another matter."""
    with ExitStack() as after:
        yield [after.enter_context(second_engine(below.registry.port)) for _ in range(count)]


def bench_of(below: Ground, shape: Shape, hosts: Sequence[SecondEngine], proxy: str) -> Bench:
    """A project of its own, with nothing released."""
    project = f"hosts-{shape.hosts}-{shape.batch}"
    folder = below.state.folder(project)
    bench = below.bench(project=project, folder=folder, proxy_image=proxy)
    named = [{"engine": host.socket, "address": host.address} for host in hosts[: shape.hosts]]
    bench.configure(
        services={"web": {"health": {"interval": 1, "passes": PASSES}}},
        migrations={"preset": "none", "commands": None},
        environments={"dev": {"hosts": named, "batch": shape.batch, "bind": "0.0.0.0"}},
    )
    return bench


def change(bench: Bench, version: str) -> Taken:
    began, before = time.monotonic(), psutil.cpu_times()
    bench.fairlead("release", "dev", bench.push(version), "--in-process", timeout=600)
    whole, after = time.monotonic() - began, psutil.cpu_times()
    idle = after.idle + after.iowait - before.idle - before.iowait
    deploy = next(
        step for step in bench.steps(bench.history()[0].id) if step.name is StepName.DEPLOY
    )
    assert deploy.ended_at is not None
    seconds = (deploy.ended_at - deploy.started_at).total_seconds()
    return seconds, whole, 100 * (1 - idle / (sum(after) - sum(before)))


def report(found: Mapping[Shape, Sequence[Taken]], where: str) -> Iterator[str]:
    rounds = len(found[SHAPES[0]])
    yield from (
        "# Many hosts",
        "",
        f"{today()}; {where}. {rounds} rounds in turns; seconds, medians, and the worst in "
        f"brackets. Every host waits for {PASSES - 1} s; all else is done by the cores that all "
        "engines share here, which hosts of their own would not: where these are busy to nine "
        "tenths, they are what is waited for. Made by `python -m benchmarks.hosts`.",
        "",
        "| batches | hosts | in batches of | deploy | the whole command | processors busy, % |",
        "|---|---|---|---|---|---|",
    )
    for shape, taken in found.items():
        steps, commands, busy = zip(*taken, strict=True)
        deploy, whole = middle(steps, ".1f"), middle(commands, ".1f")
        yield (
            f"| {shape.batches} | {shape.hosts} | {shape.batch} | {deploy} | {whole} "
            f"| {statistics.median(busy):.0f} |"
        )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


if __name__ == "__main__":
    main()
