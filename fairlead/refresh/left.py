"""What a refresh that died has left, made true by whoever holds the lease next.

The names of the databases say how far it came: both renames are one transaction.
"""

from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from enum import Enum, auto

from psycopg import Connection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow

from fairlead.database.backup.beside import connected, drop, elsewhere
from fairlead.database.backup.swap import swap
from fairlead.database.refresh.dump import END, gentle
from fairlead.database.refresh.names import is_made
from fairlead.engine.at_once import at_once
from fairlead.engine.site import Site
from fairlead.errors import FairleadError
from fairlead.lease import Held
from fairlead.model import Phase, PhaseName, Refresh, RefreshState
from fairlead.project import Project
from fairlead.refresh.telling import tell_ended
from fairlead.refresh.ways import way_of_source
from fairlead.refresh.work import clear_work
from fairlead.saving import translated, way_to

NAME = "fairlead refresh"
DIED = "The process that made it died during {phase}; {what}."
HAVE_KEPT = (RefreshState.REFRESHED, RefreshState.NOT_PUT_BACK)
NAMES = "select datname as name from pg_database"


class Left(Enum):
    """How far a refresh had come that died."""

    BESIDE = auto()  # the environment has the data that it had
    SWAPPED = auto()
    BEING_PUT_BACK = auto()  # swapped, found to be not well, and not put back yet


def how_far(row: Refresh, phases: Collection[Phase], databases: Collection[str]) -> Left:
    """Pure. A database that is called `kept` was renamed, with the new one in its place."""
    if row.kept not in databases:
        return Left.BESIDE
    if any(phase.name is PhaseName.PUT_BACK for phase in phases):
        return Left.BEING_PUT_BACK
    return Left.SWAPPED


def settle_left(project: Project, environment: str, held: Held) -> str | None:
    """What was done; None where nothing was left. Raises DatabaseUnreachable, CannotSave."""
    row = project.store.refreshes.running(project.config.project, environment)
    undone = _half_undone(project, environment)
    if row is None and undone is None:
        return None
    held.guard()
    with (
        way_to(project, environment) as conninfo,
        translated(environment, conninfo),
        elsewhere(conninfo, NAME) as connection,
    ):
        done = _settled(project, row, connection, conninfo) if row else None
        if undone is not None:
            _settle_undone(project, undone, connection)
    clear_work(project.config.project, environment)
    after = project.store.refreshes.get(project.config.project, row.id) if row else None
    if after is not None:
        tell_ended(project, after)
    return done


def drop_left(project: Project, environment: str, conninfo: str) -> None:
    """Databases that refreshes have made and nobody has now: those of an undo among them. Whoever
    holds the lease is the only one who refreshes here."""
    database = str(conninfo_to_dict(conninfo).get("dbname"))
    with translated(environment, conninfo), elsewhere(conninfo, NAME) as connection:
        for name in _names(connection):
            if is_made(name, database):
                drop(connection, name)


def drop_old(project: Project, environment: str, conninfo: str, keep_days: int) -> None:
    """What environments had before they were refreshed, once its time is over."""
    refreshes = project.store.refreshes
    oldest = datetime.now(UTC) - timedelta(days=keep_days)
    with translated(environment, conninfo), elsewhere(conninfo, NAME) as connection:
        for row in refreshes.history(project.config.project, environment):
            over = row.ended_at is not None and row.ended_at < oldest
            if over and row.state in HAVE_KEPT and row.kept_removed_at is None:
                drop(connection, row.kept)
                refreshes.kept_removed(row.id)


def has(connection: Connection[DictRow], database: str) -> bool:
    return database in _names(connection)


def _names(connection: Connection[DictRow]) -> set[str]:
    return {row["name"] for row in connection.execute(NAMES).fetchall()}


def _half_undone(project: Project, environment: str) -> Refresh | None:
    rows = project.store.refreshes.history(project.config.project, environment)
    begun = (row for row in rows if row.undoing_at and row.undone_at is None)
    return next(begun, None)


def _settled(project: Project, row: Refresh, connection: Connection[DictRow], conninfo: str) -> str:
    _end_sessions(project, row, connection)
    refreshes = project.store.refreshes
    phases = refreshes.phases(row.id)
    last = phases[-1].name if phases else "its start"
    match how_far(row, phases, _names(connection)):
        case Left.SWAPPED:
            words = DIED.format(
                phase=last, what=f"the new data was in place already; the old one is {row.kept}"
            )
            refreshes.end(row.id, RefreshState.REFRESHED, words)
        case Left.BEING_PUT_BACK:
            swap(connection, conninfo, old=row.database, new=row.kept, kept=row.made)
            words = DIED.format(phase=last, what="it was not well, and has the old data again")
            drop(connection, row.made)
            refreshes.end(row.id, RefreshState.FAILED, words)
        case Left.BESIDE:
            drop(connection, row.made)
            words = DIED.format(
                phase=last, what="the environment has the data that it had, the new one is removed"
            )
            refreshes.end(row.id, RefreshState.FAILED, words)
    return f"refresh {row.id}: {words[:1].lower()}{words[1:]}"


def _settle_undone(project: Project, row: Refresh, connection: Connection[DictRow]) -> None:
    names = _names(connection)
    if row.kept not in names and row.made in names:
        project.store.refreshes.undone(row.id, "a process that died")


def _end_sessions(project: Project, row: Refresh, connection: Connection[DictRow]) -> None:
    """Its pg_dump may go on at the source, its migration in a container. What cannot be ended is
    no reason to leave the rest."""
    connection.execute(END, (row.session,))
    with (
        suppress(FairleadError),
        way_of_source(project, row.environment) as conninfo,
        translated(row.source, conninfo),
        connected(gentle(conninfo), NAME) as there,
    ):
        there.execute(END, (row.session,))
    with suppress(FairleadError), project.open_sites(project.config, row.environment) as sites:
        at_once(Site.end_jobs, sites)
