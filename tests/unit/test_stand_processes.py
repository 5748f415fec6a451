"""Processes: found again by their record, and never another one that got the same id."""

import json
import os
import sys
from pathlib import Path

import psutil
import pytest

from examples.stand.errors import StandError
from examples.stand.processes import Process, recorded_process, start_process, stop_process
from examples.stand.state import State
from examples.stand.waiting import wait_until

SLEEP = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, subprocess, sys, time\n"
    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
    "print(child.pid, flush=True)\n"
    "time.sleep(60)",
]


def start(command: list[str], state: State) -> Process:
    process = start_process("sample", command, environment=dict(os.environ), state=state)
    wait_until(
        lambda: process.log() != "",
        what="the sample",
        seconds=10,
        alive=process.is_running,
        log=process.log,
    )
    return process


def test_process_is_found_again_and_stopped(tmp_path: Path) -> None:
    state = State(tmp_path)
    process = start(SLEEP, state)
    assert recorded_process("sample", state) == process
    assert process.is_running()
    assert os.getsid(process.pid) == process.pid

    stop_process("sample", state=state, grace_seconds=5)
    assert not process.is_running()
    assert recorded_process("sample", state) is None
    stop_process("sample", state=state, grace_seconds=5)


def test_stop_ends_what_ignores_sigterm_and_its_children(tmp_path: Path) -> None:
    state = State(tmp_path)
    process = start(STUBBORN, state)
    child = int(process.log())
    stop_process("sample", state=state, grace_seconds=0.2)
    assert not psutil.pid_exists(process.pid)
    assert not psutil.pid_exists(child) or psutil.Process(child).status() == psutil.STATUS_ZOMBIE


def test_process_that_got_the_same_id_later_is_left_alone(tmp_path: Path) -> None:
    state = State(tmp_path)
    process = start(SLEEP, state)
    stale = {"pid": process.pid, "created": process.created - 3600}
    (state.folder("processes") / "stale.json").write_text(json.dumps(stale))

    stop_process("stale", state=state, grace_seconds=5)
    assert process.is_running()
    stop_process("sample", state=state, grace_seconds=5)


def test_waiting_for_a_dead_process_shows_its_last_lines(tmp_path: Path) -> None:
    state = State(tmp_path)
    failing = [sys.executable, "-c", "print('port is taken'); raise SystemExit(1)"]
    process = start_process("sample", failing, environment=dict(os.environ), state=state)
    with pytest.raises(StandError) as failure:
        wait_until(
            lambda: False,
            what="the sample",
            seconds=10,
            alive=process.is_running,
            log=process.log,
        )
    assert str(failure.value) == (
        "the sample ended before it answered; its last lines:\nport is taken"
    )


def test_waiting_ends_after_the_time_given() -> None:
    with pytest.raises(StandError, match=r"^the sample did not answer in 0\.1 s; its last lines:"):
        wait_until(
            lambda: False,
            what="the sample",
            seconds=0.1,
            alive=lambda: True,
            log=lambda: "still starting",
        )
