"""Connections of our own for threads: as many as may be at work, whoever is free takes one."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Callable, Iterator, List, TypeVar

from . import project

Made = TypeVar("Made")


class Connections:
    """`number` of them, made when first used, each as the project's settings want it. To be closed
    before a process is forked."""

    def __init__(self, number: int) -> None:
        self.number = number
        self._all: List[Any] = []
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(number):
            self._all.append(_another())
            self._free.put(self._all[-1])

    def __enter__(self) -> Connections:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """They are opened again where they are used again."""
        for connection in self._all:
            connection.close()

    @contextmanager
    def one(self) -> Iterator[Any]:
        """For this thread only, until it is given back."""
        connection = self._free.get()
        try:
            yield connection
        finally:
            self._free.put(connection)

    def each(
        self, work: Callable[[Any, List[str]], Made], schemas: List[str], most: int
    ) -> List[Made]:
        """`work` side by side, each with a connection and no more than so many schemas."""

        def run(some: List[str]) -> Made:
            with self.one() as connection:
                return work(connection, some)

        with ThreadPoolExecutor(self.number) as pool:
            return list(pool.map(run, shares(schemas, most, self.number)))


def shares(schemas: List[str], most: int, number: int = 1) -> List[List[str]]:
    """Of no more than so many schemas each, and where possible one for each of a `number`."""
    size = min(most, -(-len(schemas) // number)) or 1
    return [schemas[start : start + size] for start in range(0, len(schemas), size)]


def run(connection: Any, script: str) -> None:
    """Statements that begin and end their own transaction, sent at once: by the driver itself,
    because a cursor of django-tenants sets the schema with a statement of its own each time."""
    connection.ensure_connection()
    with connection.connection.cursor() as cursor:
        try:
            cursor.execute(script)
        except Exception:
            _undo(connection, cursor)
            raise


def _undo(connection: Any, cursor: Any) -> None:
    try:
        cursor.execute("rollback")
    except Exception:  # noqa: BLE001 the connection is broken: the next user gets a new one
        connection.close()


def _another() -> Any:
    """Used by one thread at a time, not always the same; none of the project's pool."""
    made = project.connection().copy()
    made.settings_dict.get("OPTIONS", {}).pop("pool", None)
    made.inc_thread_sharing()
    return made
