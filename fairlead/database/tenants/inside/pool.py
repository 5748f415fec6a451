"""Tenants brought to the release side by side: in threads, or in processes forked from one that has
all ready."""

from __future__ import annotations

import multiprocessing
import os
import threading
import time
from concurrent.futures import (
    FIRST_COMPLETED,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
    wait,
)
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional, Tuple

from .attempt import FAILED, Outcome
from .project import Tenant

Work = Callable[[Tenant], Outcome]
Submit = Callable[[Tenant], "Future[Outcome]"]
# What the forked processes do: rendered models cannot be sent, only inherited.
_work: Optional[Work] = None
# From the queue until somebody takes the outcome: (when it is due, the tenant, attempts so far).
Waiting = Tuple[float, Tenant, int]


@contextmanager
def forked(work: Work, processes: int) -> Iterator[Submit]:
    """For work that uses Django. No thread may be at work meanwhile."""
    global _work  # noqa: PLW0603
    _work = work
    _let_go_of_connections()
    context = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(processes, context, _begin, (os.getpid(),)) as pool:
        yield lambda tenant: pool.submit(_run, tenant)


@contextmanager
def threads(work: Work, number: int) -> Iterator[Submit]:
    """For work that is waiting for PostgreSQL."""
    with ThreadPoolExecutor(number) as pool:
        yield lambda tenant: pool.submit(work, tenant)


def side_by_side(
    submit: Submit,
    tenants: List[Tenant],
    most: int,
    take: Callable[[Outcome, int], Optional[float]],
    going_on: Callable[[], bool],
) -> None:
    """At most `most` at once. `take` gets each outcome with its attempt and says after how many
    seconds the tenant is tried again, None for never. No tenant is begun once `going_on` says no;
    what is begun ends."""
    waiting: List[Waiting] = [(0.0, tenant, 1) for tenant in reversed(tenants)]
    running: Dict[Future[Outcome], Tuple[Tenant, int]] = {}
    while running or (waiting and going_on()):
        if going_on():
            _begin_due(submit, waiting, running, most)
        else:
            _take_back(running)
        if not running and going_on():
            time.sleep(_patience(waiting))
        done, _ = wait(running, timeout=_patience(waiting), return_when=FIRST_COMPLETED)
        for future in done:
            tenant, attempts = running.pop(future)
            again = take(_outcome(future, tenant), attempts)
            if again is not None:
                waiting.append((time.monotonic() + again, tenant, attempts + 1))


def _begin_due(submit: Submit, waiting: List[Waiting], running: Dict[Any, Any], most: int) -> None:
    now = time.monotonic()
    while waiting and len(running) < most:
        due = next((at for at in range(len(waiting) - 1, -1, -1) if waiting[at][0] <= now), None)
        if due is None:
            return
        _, tenant, attempts = waiting.pop(due)
        running[submit(tenant)] = (tenant, attempts)


def _take_back(running: Dict[Any, Any]) -> None:
    """Those handed over that nobody has begun."""
    for future in [one for one in running if one.cancel()]:
        running.pop(future)


def _patience(waiting: List[Waiting]) -> float:
    """How many seconds until one that is tried again is due; a second at most."""
    now = time.monotonic()
    return min(1.0, *(due - now for due, *_ in waiting if due > now), 1.0)


def _outcome(future: Future[Outcome], tenant: Tenant) -> Outcome:
    try:
        return future.result()
    except BrokenProcessPool as error:
        return Outcome(tenant, FAILED, 0.0, f"the process died: {error}")


def _run(tenant: Tenant) -> Outcome:
    assert _work is not None
    return _work(tenant)


def _begin(parent: int) -> None:
    """Once the parent is gone nobody takes the outcome: what is not committed is undone."""

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _let_go_of_connections() -> None:
    """A connection that two processes use is broken."""
    from django.db import connections

    for connection in connections.all():
        connection.close()
        if hasattr(connection, "close_pool"):
            connection.close_pool()
