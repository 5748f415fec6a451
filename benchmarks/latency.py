"""How long GitHub's wish takes to the first step of its release, and where that time goes.

    .venv/bin/python -m benchmarks.latency

Signed deliveries go to the receiver one after the other, each for an environment that runs that
commit already; the runs are made by several programs in turn. Prints a table and writes it to
benchmarks/results/latency.md. Takes about four minutes.
"""

import os
import statistics
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

from benchmarks.machine import machine, middle, today
from benchmarks.stand import ground
from examples.stand.engine import ensure_engine
from fairlead.model import Release
from tests.bench.github import REPOSITORY, SECRET, Running, receiving, release
from tests.bench.prefect import Stage, staged

RESULTS = Path(__file__).parent / "results" / "latency.md"
ROUNDS = 5
PYTHON = [sys.executable, "-m"]


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds, each from where the one before ends. `answer` is the receiver's, by which the wish
    is kept; `queue` until somebody takes the run; `process` until its flow runs in Prefect's eyes;
    `begin` until the release is in the history, with its lease; `step` until the first step."""

    answer: float
    queue: float
    process: float
    begin: float
    step: float


HEADINGS = ("answered", "taken", "its process runs", "release begun", "first step", "together")


def commands(pool: str) -> Mapping[str, tuple[list[str], dict[str, str]]]:
    """The programs that make runs, and what each is told in its environment."""
    ours = [*PYTHON, "fairlead", "worker", pool]
    theirs = [*PYTHON, "prefect", "worker", "start", "--pool", pool, "--type", "process"]
    return {
        "`prefect worker`, as it comes": (theirs, {}),
        "`prefect worker`, asking every second": (theirs, {"PREFECT_WORKER_QUERY_SECONDS": "1"}),
        "`fairlead worker`": (ours, {}),
    }


def main() -> None:
    engine, found = ensure_engine(print), dict[str, list[Measured]]()
    with ready() as (stage, receiver):
        sha = stage.push("v1")
        stage.bench.release(sha, stage.environment)
        for way, (command, environ) in commands(stage.environment).items():
            print(f"Measuring {way}")
            with running(stage, command, environ):
                wish(stage, receiver, sha, f"{way}, to begin with")
                found[way] = [
                    wish(stage, receiver, sha, f"{way}, {number}") for number in range(ROUNDS)
                ]
    text = "\n".join(report(found, machine(engine)))
    print(text)
    RESULTS.write_text(text + "\n")


def wish(stage: Stage, receiver: Running, sha: str, reason: str) -> Measured:
    """One delivery, from when it is sent until its release has ended."""
    payload = {"environment": stage.environment, "sha": sha, "reason": reason}
    sent = datetime.now(UTC)
    answer = receiver.deliver(release(client_payload=payload))
    answered = datetime.now(UTC)
    run = str(answer.json()["run"])
    stage.api.ended(run)
    begun = made(stage, run)
    assert begun is not None
    states = stage.api.ask("GET", f"/flow_run_states/?flow_run_id={run}")
    at = {state["name"]: datetime.fromisoformat(state["timestamp"]) for state in states}
    first = stage.bench.steps(begun.id)[0].started_at
    marks = [sent, answered, at["Pending"], at["Running"], begun.started_at, first]
    waits = ((after - before).total_seconds() for before, after in pairwise(marks))
    return Measured(*waits)


def made(stage: Stage, run: str) -> Release | None:
    found: Release | None = stage.bench.read(lambda store: store.releases.of_flow_run(run))
    return found


def report(found: Mapping[str, Sequence[Measured]], where: str) -> list[str]:
    together = {way: [sum(astuple(one)) for one in rounds] for way, rounds in found.items()}
    rows = [[way, *cells(rounds), middle(together[way], ".2f")] for way, rounds in found.items()]
    slowest = statistics.median(together[next(iter(found))])
    ratio = slowest / min(statistics.median(times) for times in together.values())
    return [
        "# From a delivery of GitHub's to the first step",
        "",
        f"{today()}; {where}. {ROUNDS} deliveries to each, one after the other, after one that is "
        "not counted; seconds, each from where the one before ends; medians, and the worst in "
        f"brackets. The quickest is {ratio:.1f} times as quick as the first.",
        "Made by `python -m benchmarks.latency`.",
        "",
        f"| runs are made by | {' | '.join(HEADINGS)} |",
        f"|{'---|' * (len(HEADINGS) + 1)}",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]


def cells(rounds: Sequence[Measured]) -> list[str]:
    columns = zip(*map(astuple, rounds), strict=True)
    return [middle(column, ".2f") for column in columns]


@contextmanager
def running(stage: Stage, command: Sequence[str], environ: Mapping[str, str]) -> Iterator[None]:
    log = stage.state.folder("workers") / f"{uuid.uuid4().hex[:8]}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            command,
            env={**stage.bench.environ, **environ},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(60)


@contextmanager
def ready() -> Iterator[tuple[Stage, Running]]:
    """A project of one service with its worker pool and receiver, taken away afterwards."""
    with ground() as below, ExitStack() as cleared:
        bench = below.bench(environ={"WEBHOOK_SECRET": SECRET})
        cleared.callback(bench.clean)
        rules = {
            "secrets": ["env:WEBHOOK_SECRET"],
            "repositories": [REPOSITORY],
            "environments": [bench.project],
        }
        stage = cleared.enter_context(
            staged(bench, below.prefect, below.state.folder("stage"), {"dispatch": rules})
        )
        environ = {**os.environ, **bench.environ}
        receiver = cleared.enter_context(
            receiving(bench.folder, below.store, below.prefect.api_url, environ)
        )
        yield stage, receiver


if __name__ == "__main__":
    main()
