"""Waits for something to answer, and tells what it last wrote when it does not."""

import time
from collections.abc import Callable

from examples.stand.errors import StandError


def wait_until(
    ready: Callable[[], bool],
    *,
    what: str,
    seconds: float,
    alive: Callable[[], bool],
    log: Callable[[], str],
) -> None:
    """Returns once `ready` says so.

    Raises StandError with the end of the log when `alive` says no, or after `seconds`.
    """
    end = time.monotonic() + seconds
    while not ready():
        if not alive():
            raise StandError(f"{what} ended before it answered; its last lines:\n{log()}")
        if time.monotonic() > end:
            raise StandError(f"{what} did not answer in {seconds:g} s; its last lines:\n{log()}")
        time.sleep(0.05)
