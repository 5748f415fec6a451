"""One preview: a scratch copy of the schema, the migrations tried on it, and what comes of that."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from psycopg.conninfo import conninfo_to_dict

from fairlead.database.backup.beside import connected
from fairlead.database.backup.programs import Programs, choose, programs_here, unread
from fairlead.database.pending import Pending
from fairlead.database.preview.clone import NoClone, Wanted, check_may_make, cloned
from fairlead.database.preview.linter import linted, squawk
from fairlead.database.preview.model import Preview, Stage
from fairlead.database.preview.read import stages_of
from fairlead.database.preview.sizes import with_sizes
from fairlead.database.reach import url_of
from fairlead.database.tenants.inside_job import Event, run_inside
from fairlead.engine.site import Site
from fairlead.engine.target import Target
from fairlead.errors import JobFailed

Say = Callable[[str], None]


class Inside(Protocol):
    """Where the release's own code runs."""

    @property
    def target(self) -> Target: ...

    def say(self, line: str) -> None: ...

    def run(self, database: str, pending: Pending, timeout: float) -> list[Event]: ...


@dataclass(frozen=True, slots=True)
class Container:
    """The release's image on a host, in which the program runs."""

    site: Site
    target: Target
    said: Say

    def say(self, line: str) -> None:
        self.said(line)

    def run(self, database: str, pending: Pending, timeout: float) -> list[Event]:
        """In the scratch `database`, or in none where that is empty. Raises JobFailed."""
        told: list[Event] = []
        options: dict[str, Any] = {"database": database, "tenants": tried(pending)}
        run_inside(
            self.site,
            self.target,
            "preview",
            options,
            told=told.append,
            say=self.said,
            timeout=timeout,
        )
        return told


def look_ahead(inside: Inside, pending: Pending, conninfo: str | None) -> Preview:
    """What the pending migrations would do. `conninfo` leads to the real database, where the config
    names one. Nothing is changed in it; where it cannot be copied, the preview says why.

    Raises JobFailed, LinterMissing, psycopg.Error.
    """
    program = squawk()
    if not pending.begun:
        return _blind(inside, pending, "nothing is applied yet: every table is new", first=True)
    if conninfo is None:
        name = inside.target.environment
        return _blind(
            inside,
            pending,
            "the config does not name the database",
            next_step=f"Name it: environments.{name}.database",
        )
    try:
        return _tried(inside, pending, conninfo, program)
    except NoClone as error:
        return _blind(inside, pending, str(error), error.next_step)
    except JobFailed as error:
        return _blind(inside, pending, f"the project does not run on the copy: {_last(error)}")


def _last(error: JobFailed) -> str:
    return str(error.tail[-1] if error.tail else error.message)


def tried(pending: Pending) -> list[list[str]]:
    """One tenant of each state, with its kind."""
    return [[one.schemas[0], one.kind] for one in pending.waiting if not one.shared]


def _blind(
    inside: Inside, pending: Pending, why: str, next_step: str = "", *, first: bool = False
) -> Preview:
    events = inside.run("", pending, inside.target.config.migrations.timeout)
    made = _of(events, pending)
    return replace(made, blind=why, next_step=next_step, first=first)


def _tried(inside: Inside, pending: Pending, conninfo: str, program: Any) -> Preview:
    migrations = inside.target.config.migrations
    deadline = time.monotonic() + migrations.timeout
    database, major = check_may_make(conninfo)
    wanted = Wanted(
        conninfo=conninfo,
        schemas=_schemas(pending),
        owner=_owner(inside.target, conninfo),
        environ=os.environ,
        lock_timeout=migrations.lock_timeout,
        timeout=migrations.timeout,
    )
    folder = inside.target.settings.backup.programs
    programs = programs_to_copy(inside.target.environment, folder, major)
    with cloned(wanted, programs) as name:
        inside.say(f"{name}: a copy of what the tables of {database} are made of, to try them on")
        events = inside.run(name, pending, max(1.0, deadline - time.monotonic()))
    preview = _of(events, pending)
    with connected(conninfo, "fairlead", migrations.timeout) as real:
        real.execute("set default_transaction_read_only = on")
        real.execute("select set_config('lock_timeout', %s, false)",
                     (str(round(migrations.lock_timeout * 1000)),))  # fmt: skip
        stages = [with_sizes(real, one, _like(pending, one)) for one in preview.stages]
    return replace(preview, stages=tuple(linted(one, program, major) for one in stages))


def _of(events: list[Event], pending: Pending) -> Preview:
    counts = {one.schemas[0]: len(one.schemas) for one in pending.waiting if not one.shared}
    return Preview(
        stages=stages_of(events, counts),
        unwritten=tuple(
            f"{event['app']}: {operation}"
            for event in events
            if event["event"] == "unwritten"
            for operation in event["operations"]
        ),
        checks=tuple(
            f"{event['id']}: {event['says']} ({event['of']})"
            for event in events
            if event["event"] == "check"
        ),
    )


def _like(pending: Pending, stage: Stage) -> tuple[str, ...]:
    return next((one.schemas for one in pending.waiting if stage.schema in one.schemas), ())


def _schemas(pending: Pending) -> list[str] | None:
    """Those that are copied; all of them in a project without tenants."""
    if not pending.shared:
        return None
    return [pending.shared, *(schema for schema, _ in tried(pending))]


def _owner(target: Target, conninfo: str) -> str:
    """Who the project connects as: what it makes in the copy has to be its own."""
    database = target.settings.database
    url = target.secrets.get("DATABASE_URL") if database else None
    fields = conninfo_to_dict(url_of(url) if url else conninfo)
    return str(fields.get("user") or conninfo_to_dict(conninfo).get("user") or "")


def programs_to_copy(environment: str, folder: str | None, major: int) -> Programs:
    """pg_dump and pg_restore for a server of that major version. Raises NoClone."""
    found = programs_here(folder)
    chosen = choose(major, found)
    if chosen is None:
        raise NoClone(*unread(environment, major, found))
    return chosen
