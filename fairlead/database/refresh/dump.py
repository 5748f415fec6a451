"""Reading production with pg_dump: in parallel, from one snapshot, and so that nobody waits for it.

pg_dump holds ACCESS SHARE on all that it reads until it ends. Who writes rows does not mind; a
migration does. So whoever waits for us is looked for all the while, and the dump ends then.
https://www.postgresql.org/docs/current/app-pgdump.html
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow

from fairlead.database.backup.beside import connected
from fairlead.database.backup.process import Ended, libpq_environ, run
from fairlead.database.backup.programs import Programs

ROOMY = 3  # times the database: as texts, values that PostgreSQL keeps compressed take more
LOCK_WAIT = "5s"  # for a table that somebody has locked
EVERY = 0.5  # seconds between two looks at who waits for us
OPTIONS = "-c default_transaction_read_only=on -c idle_in_transaction_session_timeout=0"
WAITING = """
select l.pid, l.mode, coalesce(l.relation::regclass::text, l.locktype) as what from pg_locks l
where not l.granted and exists (select from pg_stat_activity ours
  where ours.application_name = %(session)s and ours.pid = any (pg_blocking_pids(l.pid)))
and not exists (select from pg_stat_activity ours
  where ours.application_name = %(session)s and ours.pid = l.pid)
limit 1
"""
END = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name = %s and pid <> pg_backend_pid()
"""


# How many sessions a replica has ended because they read what its primary wants to change.
CONFLICTS = """
select (confl_tablespace + confl_lock + confl_snapshot + confl_bufferpin + confl_deadlock)::bigint
  as ended
from pg_stat_database_conflicts where datname = current_database() and pg_is_in_recovery()
"""


class InTheWay(Exception):
    """Somebody waits for a lock that the dump holds."""


class ReplicaEnded(Exception):
    """The dump, by a conflict with recovery.
    https://www.postgresql.org/docs/current/hot-standby.html#HOT-STANDBY-CONFLICT"""


def compression(database_bytes: int, free: int) -> int:
    """gzip's level, on a disk with so many bytes `free`: to compress takes longer than to read, and
    the files are gone as soon as they are restored. Pure."""
    return 0 if free >= database_bytes * ROOMY else 1


def dump_command(
    programs: Programs,
    folder: Path,
    jobs: int,
    *,
    compress: int,
    large_objects: bool,
    selected: Sequence[str],
) -> list[str]:
    """pg_dump(1). Roles and what hangs on them stay where they are: the other server has its own.
    The files need not outlive a crash, which ends the refresh. `compress` is gzip's level,
    `selected` are more arguments, of what is not taken."""
    return [
        programs.path("pg_dump"),
        "--format=directory",
        f"--compress={compress}",
        f"--jobs={jobs}",
        "--no-sync",
        f"--lock-wait-timeout={LOCK_WAIT}",
        "--no-owner",
        "--no-privileges",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        "--no-tablespaces",
        *([] if large_objects else ["--no-blobs"]),
        *selected,
        "--no-password",
        f"--file={folder}",
    ]


def gentle(conninfo: str) -> str:
    """The same way, for sessions that cannot write."""
    fields = conninfo_to_dict(conninfo)
    given = f"{fields.pop('options', None) or ''} {OPTIONS}".strip()
    return make_conninfo(**{**fields, "options": given})  # type: ignore[arg-type]


def dump(
    command: Sequence[str],
    conninfo: str,
    session: str,
    *,
    deadline: float,
    tick: Callable[[], object],
) -> Ended:
    """`session` is what the server calls us. Raises InTheWay, ReplicaEnded, psycopg's
    OperationalError where the server is away, and what `tick` raises."""
    environ = libpq_environ(gentle(conninfo), name=session, inherited=os.environ)
    with watching(conninfo, session) as watch:
        before = watch.conflicts()

        def both() -> None:
            watch.look()
            tick()

        ended = run(command, environ=environ, deadline=deadline, tick=both)
        if ended.problem and watch.conflicts() > before:
            raise ReplicaEnded
        return ended


@dataclass
class Watch:
    """By a connection of its own beside the sessions that are called `session`."""

    connection: Connection[DictRow]
    session: str
    _last: float = 0.0

    def look(self) -> None:
        """Raises InTheWay where somebody waits for them."""
        if time.monotonic() - self._last < EVERY:
            return
        self._last = time.monotonic()
        row = self.connection.execute(WAITING, {"session": self.session}).fetchone()
        if row is not None:
            raise InTheWay(f"{row['mode']} on {row['what']}")

    def conflicts(self) -> int:
        row = self.connection.execute(CONFLICTS).fetchone()
        return int(row["ended"]) if row else 0


@contextmanager
def watching(conninfo: str, session: str) -> Iterator[Watch]:
    with connected(gentle(conninfo), f"{session} watch", 30) as connection:
        yield Watch(connection, session)
