"""`fairlead worker`: a stop waits for what is being released; told again, that is put back."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from examples.stand.prefect_server import PrefectServer
from fairlead.model import ReleaseState, StepName
from tests.bench.bench import Bench
from tests.bench.dying import Gates, gates, until
from tests.bench.prefect import Stage, staged


@dataclass
class Working:
    """The command while it runs; `said` grows."""

    process: "subprocess.Popen[str]"
    said: list[str] = field(default_factory=list)

    def read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))

    def has_said(self, words: str) -> bool:
        return any(words in line for line in self.said)


@contextmanager
def working(stage: Stage, *options: str, **environ: str) -> Iterator[Working]:
    process = subprocess.Popen(
        stage.bench.command("worker", stage.environment, *options),
        env={**stage.bench.environ, "PREFECT_WORKER_QUERY_SECONDS": "1", **environ},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    made = Working(process)
    reader = threading.Thread(target=made.read)
    reader.start()
    try:
        until(lambda: made.has_said("takes the runs of work pool"), "it works")
        yield made
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        print("\n".join(made.said))


@pytest.fixture
def stage(bench: Bench, prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Stage]:
    with staged(bench, prefect_server, tmp_path / "stage") as made:
        yield made


@pytest.fixture
def gate(bench: Bench) -> Iterator[Gates]:
    with gates(bench) as made:
        yield made
        made.open()


def held(stage: Stage, gate: Gates, version: str, step: StepName) -> str:
    """A release that has done the step, and is held before it writes that down; its run."""
    gate.after(step, stage.environment)
    run = stage.api.start(stage.release, {"sha": stage.push(version)})
    until(gate.waiting, f"{version} is held after {step}")
    return run


def state(stage: Stage, run: str) -> str:
    return str(stage.api.run(run)["state"]["name"])


def test_stop_waits_for_the_release_and_takes_no_other(stage: Stage, gate: Gates) -> None:
    with working(stage) as worker:
        first = held(stage, gate, "v1", StepName.DEPLOY)
        # As Ctrl-C in a terminal does it, which signals the whole group.
        signal_group(worker, signal.SIGINT)
        name = stage.api.run(first)["name"]
        waits = f"Waiting for {name}. Ctrl-C again has it put back."
        until(lambda: worker.has_said(waits), "it says for what it waits")
        second = stage.api.start(stage.release, {"sha": stage.push("v2"), "wait_minutes": 5})
        assert_stays(stage, second, "Scheduled", seconds=4)
        gate.open()
        assert worker.process.wait(60) == 0
        assert worker.said[-1] == "Stopped."
    assert state(stage, first) == "Completed"
    assert stage.bench.history(stage.environment)[0].state is ReleaseState.SUCCEEDED
    assert state(stage, second) in ("Scheduled", "Late")
    with working(stage) as again:
        assert stage.api.ended(second)["state"]["name"] == "Completed"
        again.process.terminate()
        assert again.process.wait(30) == 0
    assert stage.bench.serves() == "v2"


def signal_group(worker: Working, number: signal.Signals) -> None:
    os.killpg(worker.process.pid, number)


def assert_stays(stage: Stage, run: str, wanted: str, seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert state(stage, run) == wanted
        time.sleep(0.5)


@pytest.mark.parametrize("how", ["told again", "after the limit"])
def test_release_is_put_back_in_the_end(stage: Stage, bench: Bench, how: str) -> None:
    good = bench.release(stage.push("v1"), stage.environment)
    bench.configure(
        services={"web": {"health": {"timeout": 100}}},
        environments={"dev": None, stage.environment: bench.environment(bench.port)},
    )
    options = ["--drain", "1"] if how == "after the limit" else []
    with working(stage, *options) as worker:
        run = stage.api.start(stage.release, {"sha": stage.push("v2", BEHAVIOUR="sick")})
        until(lambda: len(bench.containers(state="running")) == 2, "the new one was started")
        worker.process.terminate()
        if how == "told again":
            until(lambda: worker.has_said("Waiting for "), "it says for what it waits")
            worker.process.terminate()
        assert worker.process.wait(60) == 0
        assert worker.has_said(f"Putting back {stage.api.run(run)['name']}.")
    assert state(stage, run) == "Cancelled"
    put_back = bench.history(stage.environment)[0]
    assert (put_back.id, put_back.state) == (good.id + 1, ReleaseState.ROLLED_BACK)
    assert bench.serves() == "v1"
    assert bench.read(lambda store: store.leases.live(bench.project)) == []


def warm(worker: Working) -> psutil.Process:
    """What has imported everything, once it can be asked."""

    def listening() -> list[psutil.Process]:
        found = [one for one in children(worker) if "flows.warm" in one.cmdline()]
        return [one for one in found if Path(one.cmdline()[-1]).exists()]

    until(lambda: bool(listening()), "something is warm")
    return listening()[0]


def end(source: psutil.Process) -> None:
    """The worker buries it when it ends itself."""
    source.kill()
    until(lambda: source.status() == psutil.STATUS_ZOMBIE, "it has ended")


def children(worker: Working) -> list[psutil.Process]:
    return psutil.Process(worker.process.pid).children()


def engine(worker: Working) -> psutil.Process:
    """What is to Prefect the process of the only run."""
    (found,) = [one for one in children(worker) if "flows.engine" in one.cmdline()]
    return found


@pytest.mark.parametrize("killed", ["what Prefect knows", "the fork"])
def test_fork_and_what_prefect_knows_of_it_end_together(
    stage: Stage, gate: Gates, killed: str
) -> None:
    with working(stage) as worker:
        source = warm(worker)
        run = held(stage, gate, "v1", StepName.DEPLOY)
        (fork,), known = source.children(), engine(worker)
        (fork if killed == "the fork" else known).kill()
        gone, alive = psutil.wait_procs([fork, known], timeout=10)
        assert (len(gone), alive) == (2, [])
        until(lambda: worker.has_said(": Crashed."), "it is told")
        gate.open()
        second = stage.api.start(stage.release, {"sha": stage.push("v2"), "wait_minutes": 5})
        assert stage.api.ended(second)["state"]["name"] == "Completed"
        assert source.is_running()
        worker.process.kill()
        until(lambda: not source.is_running(), "nothing is warm without a worker")
    assert state(stage, run) == "Crashed"
    assert stage.bench.serves() == "v2"


def test_fork_is_told_what_its_process_is_told_and_outlives_the_warm_one(
    stage: Stage, gate: Gates
) -> None:
    with working(stage) as worker:
        source = warm(worker)
        held(stage, gate, "v1", StepName.DEPLOY)
        (fork,), known = source.children(), engine(worker)
        end(source)
        known.terminate()
        gate.open()
        psutil.wait_procs([fork, known], timeout=30)
        until(lambda: not fork.is_running() and not known.is_running(), "both have ended")
    assert stage.bench.history(stage.environment)[0].state is ReleaseState.ROLLED_BACK


def test_run_with_settings_of_its_own_or_without_anything_warm_is_made_all_the_same(
    stage: Stage, gate: Gates
) -> None:
    with working(stage) as worker:
        source = warm(worker)
        gate.after(StepName.DEPLOY, stage.environment)
        other = {"env": {"PREFECT_LOGGING_ROOT_LEVEL": "ERROR"}}
        given = {"sha": stage.push("v1")}
        first = stage.api.start(stage.release, given, job_variables=other)
        until(gate.waiting, "it is held")
        assert source.children() == []
        gate.open()
        assert stage.api.ended(first)["state"]["name"] == "Completed"
        end(source)
        second = stage.api.start(stage.release, {"sha": stage.push("v2")})
        assert stage.api.ended(second)["state"]["name"] == "Completed"
    assert stage.bench.serves() == "v2"


def test_socket_that_cannot_be_is_told_in_a_line(tmp_path: Path) -> None:
    way = tmp_path / ("x" * 100) / "socket"
    command = [sys.executable, "-m", "flows.warm", str(way)]
    ended = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines()[-1] == (
        f"Nothing is warm, so runs begin later: {way}: AF_UNIX path too long. Set a shorter TMPDIR."
    )
    assert "Traceback" not in ended.stderr
