"""Doing the same to several things at once."""

import contextvars
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")


def at_once(act: Callable[[Item], Result], items: Iterable[Item]) -> list[Result]:
    """Act on all items in threads and wait for every one; then the results, or the first error.

    The threads see the context variables of the caller: by these a log line finds its flow run.
    A signal that ends the waiting (a cancelled run has 30 s to put things back) does not wait for
    the threads: who goes on after it tells them, as Site.interrupt does.
    """
    every = list(items)
    pool = ThreadPoolExecutor(max_workers=max(1, min(16, len(every))))
    try:
        futures = [pool.submit(contextvars.copy_context().run, act, item) for item in every]
        wait(futures)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return [future.result() for future in futures]
