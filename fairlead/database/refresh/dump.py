"""Reading production with pg_dump: in parallel, from one snapshot, and so that nobody waits for it.

pg_dump holds ACCESS SHARE on all that it reads until it ends. Who writes rows does not mind; a
migration does. So whoever waits for us is looked for all the while, and the dump ends then.
https://www.postgresql.org/docs/current/app-pgdump.html
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fairlead.database.backup.beside import connected
from fairlead.database.backup.process import Ended, libpq_environ, run
from fairlead.database.backup.programs import Programs

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


class InTheWay(Exception):
    """Somebody waits for a lock that the dump holds."""


def dump_command(
    programs: Programs, folder: Path, jobs: int, *, large_objects: bool, selected: Sequence[str]
) -> list[str]:
    """pg_dump(1). Roles and what hangs on them stay where they are: the other server has its own.
    `selected` are more arguments, of what is not taken."""
    return [
        programs.path("pg_dump"),
        "--format=directory",
        "--compress=1",
        f"--jobs={jobs}",
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
    """`session` is what the server calls us. Raises InTheWay, and what `tick` raises."""
    environ = libpq_environ(gentle(conninfo), name=session, inherited=os.environ)
    with watching(conninfo, session) as look:

        def both() -> None:
            look()
            tick()

        return run(command, environ=environ, deadline=deadline, tick=both)


@contextmanager
def watching(conninfo: str, session: str) -> Iterator[Callable[[], None]]:
    """Raises InTheWay from what it gives, where somebody waits for the sessions so called."""
    last = 0.0
    with connected(gentle(conninfo), f"{session} watch", 30) as connection:

        def look() -> None:
            nonlocal last
            if time.monotonic() - last >= EVERY:
                last = time.monotonic()
                row = connection.execute(WAITING, {"session": session}).fetchone()
                if row is not None:
                    raise InTheWay(f"{row['mode']} on {row['what']}")

        yield look
