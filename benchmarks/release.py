"""What a release costs beside the same work in a straight script, and where the rest goes.

    .venv/bin/python -m benchmarks.release [--rounds 5]

Fairlead, the straight script and the script that sleeps (benchmarks/scripts.py) change the shop
from v1 to v2 and back, in turns, on one engine, registry and database; nobody sends requests. Of
Fairlead's releases it is told which part took how long, by the store. Writes
benchmarks/results/release.md. Takes about ten minutes.
"""

import argparse
import statistics
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

from benchmarks.machine import machine, middle, today
from benchmarks.scripts import Sleeping, Straight, answers
from benchmarks.stand import Stand, standing
from fairlead.model import Release, Step
from tests.bench.shop import Shop

RESULTS = Path(__file__).parent / "results" / "release.md"
STRAIGHT, SLEEPING, OURS = "straight script", "pull, rm -f, run, sleep 10, curl", "Fairlead"
NOTHING, BACK, SERVING = "nothing to do", "rollback", "rollback, until the old version serves"
PROCESS, BETWEEN, AFTER = (
    "the command, until the release is begun",
    "between the steps",
    "after the last step",
)


@dataclass
class Found:
    """Seconds: of each way, and of each part of Fairlead's releases."""

    ways: dict[str, list[float]] = field(default_factory=dict)
    parts: dict[str, list[float]] = field(default_factory=dict)

    def way(self, name: str, work: Callable[[], object]) -> float:
        began = time.monotonic()
        work()
        taken = time.monotonic() - began
        self.ways.setdefault(name, []).append(taken)
        print(f"{name}: {taken:.2f} s", flush=True)
        return taken


def main() -> None:
    rounds = arguments().rounds
    with standing(["v1", "v2"]) as stand:
        found = Found()
        for version in ("v2", "v1"):
            fairlead(stand.shop, "release", version)
        straight, sleeping = Straight(stand), Sleeping(stand)
        for script in (straight, sleeping):
            script.change("v1")
        for _ in range(rounds):
            for version in ("v2", "v1"):
                found.way(STRAIGHT, partial(straight.change, version))
                found.way(SLEEPING, partial(sleeping.change, version))
                release(stand.shop, version, found)
            found.way(NOTHING, lambda: fairlead(stand.shop, "release", "v1"))
            back(stand, found, BACK, SERVING)
            with_standby(stand, found)
        text = "\n".join(report(found, rounds, machine(stand.engine)))
    print(text)
    RESULTS.write_text(text + "\n")


def fairlead(shop: Shop, act: str, version: str = "") -> None:
    commit = [shop.sha(version)] if version else []
    shop.fairlead(act, "dev", *commit, "--in-process")


def release(shop: Shop, version: str, found: Found) -> None:
    began = datetime.now(UTC)
    found.way(OURS, lambda: fairlead(shop, "release", version))
    ended = datetime.now(UTC)
    newest = shop.history()[0]
    for name, seconds in parts(began, ended, newest, shop.steps(newest.id)):
        found.parts.setdefault(name, []).append(seconds)


def parts(
    began: datetime, ended: datetime, release: Release, steps: Sequence[Step]
) -> Iterator[tuple[str, float]]:
    """Each with its seconds, in the order in which they begin."""
    yield PROCESS, (release.started_at - began).total_seconds()
    spent, last = 0.0, release.started_at
    for step in steps:
        assert step.ended_at is not None
        yield str(step.name), (step.ended_at - step.started_at).total_seconds()
        spent += max(0.0, (step.started_at - last).total_seconds())
        last = max(last, step.ended_at)
    yield BETWEEN, spent
    yield AFTER, (ended - last).total_seconds()


def back(stand: Stand, found: Found, whole: str, serving: str) -> None:
    """v1 runs, which v2 was before; then v1 again, so that each round begins alike."""
    with Watch(stand.shop, "v2") as seen:
        found.way(whole, lambda: fairlead(stand.shop, "rollback"))
    found.ways.setdefault(serving, []).append(seen.seconds())
    fairlead(stand.shop, "release", "v1")


def with_standby(stand: Stand, found: Found) -> None:
    stand.shop.configure(environments={"dev": {"standby": True}})
    for version in ("v2", "v1"):
        fairlead(stand.shop, "release", version)
    back(stand, found, f"{BACK} to what stands by", f"{SERVING}, which stood by")
    stand.shop.configure()
    for version in ("v2", "v1"):
        fairlead(stand.shop, "release", version)


class Watch:
    """How long it takes, from the beginning of the block, until the version answers."""

    def __init__(self, shop: Shop, version: str) -> None:
        self._shop, self._version = shop, version
        self._began = time.monotonic()
        self._seen: float | None = None
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "Watch":
        self._began = time.monotonic()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._thread.join(60)

    def seconds(self) -> float:
        assert self._seen is not None, f"{self._version} never served"
        return self._seen

    def _watch(self) -> None:
        while time.monotonic() - self._began < 60 and self._seen is None:
            if answers(f"{self._shop.address}/healthz") and self._shop.serves() == self._version:
                self._seen = time.monotonic() - self._began
            time.sleep(0.02)


def report(found: Found, rounds: int, where: str) -> list[str]:
    return [
        "# A whole release",
        "",
        f"{today()}; {where}. The shop (two services, tenants, nothing pending), {rounds} rounds "
        "in turns, without requests; seconds, medians, and the worst in brackets. What the scripts "
        "do is said in benchmarks/scripts.py. Made by `python -m benchmarks.release`.",
        "",
        "| | seconds | × straight script |",
        "|---|---|---|",
        *(f"| {name} | {cells} |" for name, cells in compared(found.ways)),
        "",
        "Where Fairlead's time goes:",
        "",
        "| part | seconds |",
        "|---|---|",
        *(f"| {name} | {middle(taken, '.2f')} |" for name, taken in found.parts.items()),
    ]


def compared(ways: Mapping[str, Sequence[float]]) -> Iterator[tuple[str, str]]:
    least = statistics.median(ways[STRAIGHT])
    for name, taken in ways.items():
        yield name, f"{middle(taken, '.2f')} | {statistics.median(taken) / least:.2f}"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
