"""An environment gets the data again that it had before it was refreshed."""

from collections.abc import Callable, Iterator, Sequence

from fairlead.database.backup.beside import elsewhere
from fairlead.database.backup.swap import swap
from fairlead.errors import FairleadError, RefreshRefused
from fairlead.lease import hold
from fairlead.model import Refresh, RefreshState
from fairlead.project import Project
from fairlead.recovery import settle
from fairlead.refresh.left import NAME, drop_left, has, settle_left
from fairlead.refresh.serving import Say, serve
from fairlead.saving import translated, way_to

Agree = Callable[[Sequence[str]], object]  # is told what would be lost, and raises to say no
ALL = 100


def undo(
    project: Project, environment: str, *, by: str, agree: Agree, say: Say, force: bool = False
) -> Refresh:
    """The refresh that is undone. What it had brought stays beside until the next one.

    Raises RefreshRefused, LeaseHeld, NotSettled, DatabaseUnreachable, CannotSave.
    """
    config = project.config
    config.environment(environment)
    with hold(project.store, config.project, environment, ttl=config.lease_ttl) as held:
        settle(project, environment, held)
        settle_left(project, environment, held)
        row = _last(project, environment)
        since = list(_since(project, row))
        if since and not force:
            raise RefreshRefused(
                environment,
                f"{since[0]}, and {row.kept} is as it was before",
                "If that is meant: --force. What fits it: fairlead rollback",
            )
        agree(
            [
                f"{row.database} becomes what it was before {row.started_at:%Y-%m-%d %H:%M %Z}",
                f"what was written since is in {row.made} only, until the next refresh",
                *since,
                "every connection to it is ended once",
            ]
        )
        held.guard()
        _swapped_back(project, row)
        project.store.refreshes.undone(row.id, by)
        _tell_health(project, environment, say)
    return row


def _last(project: Project, environment: str) -> Refresh:
    """The one that brought what is there now."""
    rows = project.store.refreshes.history(project.config.project, environment, ALL)
    in_place = (RefreshState.REFRESHED, RefreshState.NOT_PUT_BACK, RefreshState.UNDONE)
    row = next((one for one in rows if one.state in in_place), None)
    why = None
    if row is None:
        why = "it was never refreshed"
    elif row.state is RefreshState.UNDONE:
        why = f"refresh {row.id} is undone already"
    elif row.kept_removed_at is not None:
        why = f"what it had before refresh {row.id} is removed: its time was over"
    if row is None or why is not None:
        raise RefreshRefused(
            environment, f"there is nothing to undo: {why}", f"fairlead backups {environment}"
        )
    return row


def _since(project: Project, row: Refresh) -> Iterator[str]:
    """What the database of before does not have."""
    for release in project.store.releases.history(row.project, row.environment, ALL):
        if release.started_at > row.started_at and release.state in ("succeeded", "rolled_back"):
            yield f"release {release.id} ({release.sha[:7]}) was made since"


def _swapped_back(project: Project, row: Refresh) -> None:
    environment = row.environment
    with way_to(project, environment) as conninfo, translated(environment, conninfo):
        drop_left(project, environment, conninfo)
        with elsewhere(conninfo, NAME) as connection:
            if not has(connection, row.kept):
                raise RefreshRefused(
                    environment,
                    f"there is nothing to undo: {row.kept} is not there any more",
                    f"Look for backups: fairlead backups {environment}",
                )
            project.store.refreshes.undoing(row.id)
            swap(connection, conninfo, old=row.database, new=row.kept, kept=row.made)


def _tell_health(project: Project, environment: str, say: Say) -> None:
    """The old data is back at any rate."""
    current = project.store.releases.current(project.config.project, environment)
    settings = project.config.environment(environment).refresh
    if current is None:
        return
    try:
        restart = settings.restart if settings else ()
        say(serve(project, project.target_of(current), restart, say))
    except FairleadError as error:
        say(f"{environment} is not well: {error.summary}")
