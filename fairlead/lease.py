"""Holding the lease of an environment: a heartbeat in a thread, and a guard before each act."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fairlead.errors import LeaseHeld, LeaseLost, StoreUnreachable
from fairlead.store import Store

BEATS = 6  # heartbeats in the life of a lease: five may be missed


class Held:
    """The lease of one environment, held by this process."""

    def __init__(self, store: Store, project: str, environment: str, fencing: int, ttl: float):
        self.fencing = fencing
        self._store, self._project, self._environment, self._ttl = store, project, environment, ttl
        self._lost: LeaseLost | None = None
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="fairlead lease", daemon=True)

    def guard(self) -> None:
        """Ask the store whether it is still ours, before something is changed.

        Raises LeaseLost.
        """
        if self._lost is not None:
            raise self._lost
        self._renew()

    def _renew(self) -> None:
        self._store.leases.renew(self._project, self._environment, self.fencing, self._ttl)

    def _beat(self) -> None:
        while not self._end.wait(self._ttl / BEATS):
            try:
                self._renew()
            except LeaseLost as lost:
                self._lost = lost
                return
            except StoreUnreachable:
                continue  # a restarting store: the next beat tries again, guard() tells

    def __enter__(self) -> "Held":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._store.leases.release(self._project, self._environment, self.fencing)


@contextmanager
def hold(
    store: Store,
    project: str,
    environment: str,
    *,
    ttl: float,
    wait: float = 0,
    on_wait: Callable[[LeaseHeld], None] = lambda _: None,
) -> Iterator[Held]:
    """Hold the lease, waiting for it up to `wait` seconds; `on_wait` is called if so.

    Raises LeaseHeld.
    """
    try:
        fencing = store.leases.acquire(project, environment, holder(), ttl)
    except LeaseHeld as refusal:
        if wait <= 0:
            raise
        on_wait(refusal)
        fencing = _acquire(store, project, environment, ttl, time.monotonic() + wait)
    with Held(store, project, environment, fencing, ttl) as held:
        yield held


def _acquire(store: Store, project: str, environment: str, ttl: float, deadline: float) -> int:
    while True:
        try:
            return store.leases.acquire(project, environment, holder(), ttl)
        except LeaseHeld:
            if time.monotonic() >= deadline:
                raise
            time.sleep(1)


def holder() -> str:
    """Who we are, for the one who waits for us."""
    return f"process {os.getpid()} on {socket.gethostname()}"
