"""Flows in processes whose clock jumps while they are at work: the time of day, not how much of it
passes."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import time_machine

from tests.bench.bench import Bench
from tests.bench.dying import FlowProcess
from tests.bench.forked import run_flow


class Clock:
    """By which processes go; `folder` is where it is told to jump, and they that they have."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @contextmanager
    def process(self, bench: Bench, flow: str, **parameters: Any) -> Iterator[FlowProcess]:
        """As flow_process."""
        made = _Process(self._folder, bench, flow, **parameters)
        try:
            yield made
        finally:
            made.end()

    def jump(self, by: timedelta) -> None:
        unfinished = self._folder / "unfinished"
        unfinished.write_text(str(by.total_seconds()))
        unfinished.rename(self._folder / "jump")

    def jumped(self) -> int:
        """How many have."""
        return len(list(self._folder.glob("jumped-*")))


class _Process(FlowProcess):
    def __init__(self, clock: Path, *args: Any, **parameters: Any) -> None:
        self._clock = clock
        super().__init__(*args, **parameters)

    def runs(self) -> Callable[..., None]:
        return partial(_run_flow, self._clock)


def _run_flow(clock: Path, *args: Any) -> None:
    threading.Thread(target=_jump, args=(clock,), daemon=True).start()
    run_flow(*args)


def _jump(clock: Path) -> None:
    while not (clock / "jump").exists():
        time.sleep(0.05)
    by = timedelta(seconds=float((clock / "jump").read_text()))
    time_machine.travel(datetime.now(UTC) + by).start()
    (clock / f"jumped-{os.getpid()}").touch()
