"""The new database takes the place of the old one; and the old one its own again, where what serves
is not well with the new one."""

from fairlead.database.backup.beside import connected, elsewhere
from fairlead.database.backup.swap import swap
from fairlead.database.refresh.identity import write_mark
from fairlead.errors import FairleadError, LeaseLost, RefreshNotPutBack
from fairlead.model import PhaseName
from fairlead.refresh.frame import Refreshing
from fairlead.refresh.left import has
from fairlead.refresh.serving import serve


def swap_in(run: Refreshing) -> None:
    """Renames in a moment; who was connected connects again. Raises RefreshFailed, LeaseLost."""
    with run.phase(PhaseName.SWAP) as step:
        row, mark = run.row, run.seen.identity.mark
        assert mark is not None, "the first look refuses an unmarked one"
        with connected(run.made, row.session) as connection:
            write_mark(connection, mark)
        run.held.guard()
        with elsewhere(run.target, row.session) as connection:
            try:
                seconds = swap(
                    connection, run.target, old=row.database, new=row.made, kept=row.kept
                )
            finally:
                run.swapped = has(connection, row.kept)
        run.note(swap_ms=round(seconds * 1000), kept=row.kept)
        step.detail = f"{row.database} took no connection for {seconds * 1000:.0f} ms"


def check_health(run: Refreshing) -> None:
    """What serves connects to the new database by itself, or is restarted; then it is asked from
    outside. Raises HealthCheckFailed, ContainerFailed, HostUnreachable, LeaseLost."""
    with run.phase(PhaseName.CHECK_HEALTH) as step:
        try:
            step.detail = serve(run.project, run.seen.deployed, run.settings.restart, step.say)
        except FairleadError as error:
            if not run.seen.unwell:
                raise
            step.detail = f"not well, as it was before: {error.summary}"


def put_back(run: Refreshing, failure: BaseException) -> None:
    """By the same swap, after `failure`. Raises RefreshNotPutBack with both errors, LeaseLost."""
    row = run.row
    try:
        with run.phase(PhaseName.PUT_BACK) as step:
            with elsewhere(run.target, row.session) as connection:
                swap(connection, run.target, old=row.database, new=row.kept, kept=row.made)
            run.swapped, run.beside = False, True
            step.detail = f"{row.database} has the old data again"
            step.say(serve(run.project, run.seen.deployed, run.settings.restart, step.say))
    except LeaseLost:
        raise
    except FairleadError as error:
        if not run.swapped:
            failure.add_note(f"{run.environment} has the old data again, and is not well: {error}")
            return
        run.failure = RefreshNotPutBack(run.environment, row.kept, failure, error)
        raise run.failure from error
