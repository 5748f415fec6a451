"""The disk of the environment's server, while the new database grows there.

A server that finds no room for its log ends, and the environment with it; and others write to that
disk too. So what we do in the new database ends before, as soon as the reserve is touched.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import psycopg
from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.database.backup.beside import elsewhere
from fairlead.database.refresh.room import Disk, disk_of
from fairlead.model import size
from fairlead.store.database import address

EVERY = 1.0  # seconds between two looks
END = """
select pg_terminate_backend(pid) from pg_stat_activity
where datname = %s and backend_type in ('client backend', 'parallel worker')
"""


@dataclass
class Room:
    """On the server of `conninfo`, for the database `made`. `short` says why it was not enough."""

    conninfo: str
    made: str
    session: str
    short: str = ""
    _growing: threading.Event = field(default_factory=threading.Event)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def watched(self) -> Iterator["Room"]:
        """From when it `grows` on, by a thread with a connection of its own."""
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            self._growing.set()
            thread.join()

    def grows(self) -> None:
        """From now on the new database is there."""
        self._growing.set()

    def _watch(self) -> None:
        self._growing.wait()
        while not self._over.wait(EVERY):
            try:
                with elsewhere(self.conninfo, self.session, EVERY * 10) as connection:
                    self._look(connection)
            except psycopg.Error:
                continue  # whoever works in it says so, if the server is away

    def _look(self, connection: Connection[DictRow]) -> None:
        while not self._over.wait(EVERY):
            disk = disk_of(connection, self.made)
            if disk is not None and disk.spare < 0:
                self.short = self.short or words_of(disk, self.conninfo)
                connection.execute(END, (self.made,))


def words_of(disk: Disk, conninfo: str) -> str:
    return (
        f"the disk of its server {server_of(conninfo)} ({disk.path}) has {size(disk.free)} free, "
        f"and {size(disk.reserve)} are to stay free"
    )


def server_of(conninfo: str) -> str:
    """`host:port`"""
    return address(conninfo).rpartition("/")[0]
