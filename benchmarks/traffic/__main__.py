"""Releases and rollbacks, one after the other, under traffic of every kind.

    .venv/bin/python -m benchmarks.traffic [--releases 20] [--rollbacks 5] [--rate 300]

One service (an ASGI server, two containers of it) on this engine, asked without pause by users.py:
short requests over connections that are kept alive, answers that take 5 s, uploads, server-sent
streams and WebSockets, most of which end within the drain time, and three WebSockets that never
do. Each release is the command that a person types. Writes benchmarks/results/traffic.md. Takes
about twelve minutes.
"""

import argparse
import itertools
import statistics
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.machine import machine, middle, today
from benchmarks.stand import Ground, ground
from benchmarks.traffic.users import REQUEST, STAYS, Asked, Traffic, Users
from fairlead.model import Release, StepName
from tests.bench.bench import Bench
from tests.bench.images import build_image, python_with_wheels

RESULTS = Path(__file__).parents[1] / "results" / "traffic.md"
APP = Path(__file__).parent / "app"
DOCKERFILE = """\
FROM {base}
COPY requirements.txt /requirements.txt
RUN pip install --no-cache-dir -r /requirements.txt
COPY app.py /app.py
CMD ["python3", "/app.py"]
"""
STEADY = 30.0  # seconds before the first release
DRAIN = 8.0  # seconds; the longest that is asked takes 5


@dataclass(frozen=True, slots=True)
class Change:
    """A release or a rollback; `cut_over` is when its deploy step began and its old containers
    had gone, in seconds since the epoch."""

    release: Release
    seconds: float
    cut_over: tuple[float, float]


def main() -> None:
    given = arguments()
    with ground() as below, serving(below) as bench:
        commits = itertools.cycle([bench.push("v2"), bench.push("v1")])
        bench.fairlead("release", "dev", bench.push("v1"), "--in-process")
        host = f"{bench.project}.localhost"
        users = Users(f"http://127.0.0.1:{bench.port}", host, given.rate)
        with Traffic(users) as traffic:
            began = time.time()
            time.sleep(STEADY)
            steady = (began + 2, time.time())  # the first connections are made by then
            changes = [
                *(changed(bench, "release", next(commits)) for _ in range(given.releases)),
                *(changed(bench, "rollback") for _ in range(given.rollbacks)),
            ]
            time.sleep(2)
        text = "\n".join(report(traffic.asked, steady, changes, given.rate, machine(below.engine)))
    print(text)
    RESULTS.write_text(text + "\n")


@contextmanager
def serving(below: Ground) -> Iterator[Bench]:
    requirements = APP / "requirements.txt"
    python = python_with_wheels(
        below.engine, below.images.python, [requirements], below.state.folder("wheels")
    )
    name = f"fairlead-benchmark/traffic:{below.run}"
    files = {path.name: path.read_bytes() for path in APP.iterdir() if path.is_file()}
    dockerfile = DOCKERFILE.format(base=python).encode()
    build_image(below.engine, name, {"Dockerfile": dockerfile, **files})
    bench = below.bench(base=name)
    bench.configure(
        services={"web": {"replicas": 2, "drain": DRAIN}}, migrations=None, smoke=[{"path": "/"}]
    )
    try:
        yield bench
    finally:
        bench.clean()
        below.engine.images.remove(name, force=True)


def changed(bench: Bench, act: str, *commit: str) -> Change:
    began = time.monotonic()
    bench.fairlead(act, "dev", *commit, "--in-process")
    seconds = time.monotonic() - began
    release = bench.history()[0]
    steps = {step.name: step for step in bench.steps(release.id)}
    gone = steps[StepName.RETIRE].ended_at
    assert gone is not None
    deploy = steps[StepName.DEPLOY].started_at
    print(f"{act} {release.id}: {seconds:.1f} s", flush=True)
    return Change(release, seconds, (deploy.timestamp(), gone.timestamp()))


# -- the report ------------------------------------------------------------------------------------


def report(
    asked: Sequence[Asked],
    steady: tuple[float, float],
    changes: Sequence[Change],
    rate: float,
    where: str,
) -> list[str]:
    kinds = list(dict.fromkeys(one.kind for one in asked if one.kind != STAYS))
    return [
        "# Releases under traffic",
        "",
        f"{today()}; {where}. {len(changes)} changes of version one after the other, of one "
        f"service with two containers behind the proxy, which may take {DRAIN:g} s to drain; "
        "users, application and engine share the machine. What is asked is said in "
        "benchmarks/traffic, which made this by `python -m benchmarks.traffic`.",
        "",
        "| asked | begun | lost |",
        "|---|---|---|",
        *(row(kind, [one for one in asked if one.kind == kind]) for kind in kinds),
        "",
        *stayers([one for one in asked if one.kind == STAYS]),
        "",
        f"Of the {rate:g} short requests a second, in milliseconds:",
        "",
        "| | requests | p50 | p99 | p99.9 |",
        "|---|---|---|---|---|",
        *latencies([one for one in asked if one.kind == REQUEST], steady, changes),
        "",
        "| | changes | seconds of the whole command |",
        "|---|---|---|",
        *durations(changes),
        *(f"- {one.kind}: {one.problem}" for one in asked if one.problem),
    ]


def row(kind: str, asked: Sequence[Asked]) -> str:
    return f"| {kind} | {len(asked)} | {sum(1 for one in asked if one.problem)} |"


def stayers(closed: Sequence[Asked]) -> Iterator[str]:
    if closed:
        yield (
            f"WebSockets that never end were closed {len(closed)} times, by their container when "
            "its drain time was over; from there until a new one answered took "
            f"{middle([1000 * one.seconds for one in closed], '.0f')} ms."
        )


def latencies(
    asked: Sequence[Asked], steady: tuple[float, float], changes: Sequence[Change]
) -> Iterator[str]:
    windows = [change.cut_over for change in changes]
    for name, spans in (("before the first release", [steady]), ("cutting over", windows)):
        taken = sorted(
            1000 * one.seconds
            for one in asked
            if any(begin <= one.began <= end for begin, end in spans)
        )
        cut = statistics.quantiles(taken, n=1000)
        yield f"| {name} | {len(taken)} | {cut[499]:.1f} | {cut[989]:.1f} | {cut[998]:.1f} |"


def durations(changes: Sequence[Change]) -> Iterator[str]:
    for kind in dict.fromkeys(change.release.kind for change in changes):
        taken = [change.seconds for change in changes if change.release.kind is kind]
        yield f"| {kind} | {len(taken)} | {middle(taken, '.1f')} |"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--releases", type=int, default=20)
    parser.add_argument("--rollbacks", type=int, default=5)
    parser.add_argument("--rate", type=float, default=300)
    return parser.parse_args()


if __name__ == "__main__":
    main()
