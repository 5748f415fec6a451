"""Processes that outlive the one that started them, found again by a record in the state folder.

A record holds the process id and when that process was created, so a process id that was given
to another program since is never signalled.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from examples.stand.state import State, last_lines, write_private

# psutil reckons creation times from the boot time, which moves with the clock.
CLOCK_TOLERANCE_SECONDS = 2.0


@dataclass(frozen=True)
class Process:
    """A process as it was when it was started; `created` in seconds since the epoch."""

    name: str
    pid: int
    created: float
    log_file: Path

    def find(self) -> psutil.Process | None:
        """The running process; None when it ended, even if its id was given away again."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) < CLOCK_TOLERANCE_SECONDS
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except psutil.NoSuchProcess:
            return None

    def is_running(self) -> bool:
        return self.find() is not None

    def log(self) -> str:
        return last_lines(self.log_file)


def start_process(
    name: str,
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    state: State,
    folder: Path | None = None,
) -> Process:
    """Starts a process in a session of its own, so that it stays when its starter ends."""
    log_file = state.log(name)
    with log_file.open("w") as log:
        started = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder or state.home,
            start_new_session=True,
        )
    started.returncode = 0  # it is meant to outlive this process: nobody waits for it here
    process = Process(name, started.pid, psutil.Process(started.pid).create_time(), log_file)
    record = {"pid": process.pid, "created": process.created}
    write_private(record_file(name, state), json.dumps(record))
    return process


def recorded_process(name: str, state: State) -> Process | None:
    """The process that was started under that name, whether it still runs or not."""
    path = record_file(name, state)
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    return Process(name, record["pid"], record["created"], state.log(name))


def stop_process(name: str, *, state: State, grace_seconds: float) -> None:
    """SIGTERM, time to end, then SIGKILL for it and what it started; safe to run twice."""
    recorded = recorded_process(name, state)
    running = recorded.find() if recorded else None
    if running is not None:
        end_family(running, grace_seconds)
    record_file(name, state).unlink(missing_ok=True)


def end_family(process: psutil.Process, grace_seconds: float) -> None:
    """psutil compares creation times too before it signals."""
    family = [process, *process.children(recursive=True)]
    process.terminate()
    _, left = psutil.wait_procs(family, timeout=grace_seconds)
    for survivor in left:
        survivor.kill()
    psutil.wait_procs(left, timeout=10)


def record_file(name: str, state: State) -> Path:
    return state.folder("processes") / f"{name}.json"
