"""Doing the same to several things at once."""

import contextvars
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def at_once(act: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Act on all items in threads and wait for every one; then the results, or the first error.

    The threads see the context variables of the caller: by these a log line finds its flow run.
    """
    every = list(items)
    with ThreadPoolExecutor(max_workers=max(1, min(16, len(every)))) as pool:
        futures = [pool.submit(contextvars.copy_context().run, act, item) for item in every]
    return [future.result() for future in futures]
