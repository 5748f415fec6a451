"""Waiting for what is about to be true, and not a moment longer."""

import time
from collections.abc import Callable


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.05)
