"""How much memory the processes that a benchmark starts have at most."""

import contextlib
import threading
from types import TracebackType

import psutil

EVERY = 0.1  # seconds


class Memory:
    """`peak` is in MB: of all processes begun by this one meanwhile, together. Pages that several
    share, as after a fork, are divided among them (PSS, see proc_pid_smaps(5))."""

    def __init__(self) -> None:
        self.peak = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Memory":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(EVERY):
            self.peak = max(self.peak, _together() / 2**20)


def _together() -> float:
    whole = 0.0
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            whole += process.memory_full_info().pss
    return whole
