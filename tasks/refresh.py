"""The phases of a refresh, a task each. None is retried: what is half-made is thrown away."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import task
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from fairlead.errors import LeaseLost
from fairlead.model import RefreshState
from fairlead.project import Project
from fairlead.refresh import (
    carrying,
    copying,
    looking,
    masking,
    migrating,
    rehearsing,
    swapping,
)
from fairlead.refresh.frame import Asked, Refreshing
from tasks.step import task_of


def served_before(project: Project, asked: Asked) -> State | None:
    """The outcome of the very same request, when it was served already."""
    row = project.store.refreshes.of_request(asked.request) if asked.request else None
    if row is None:
        return None
    words = f"this request was served by refresh {row.id}: {row.state}"
    good = row.state is RefreshState.REFRESHED
    return Completed(message=words) if good else Failed(message=words)


@task(**task_of("look"))
def look(run: Refreshing) -> None:
    """Both databases are who they should be, every column has a rule, and there is room."""
    looking.look(run)


@task(**task_of("dump"))
def dump(run: Refreshing) -> None:
    """Read production from one snapshot, and let everybody else go first."""
    copying.dump(run)


@task(**task_of("restore"))
def restore_rows(run: Refreshing) -> None:
    """Into a new database to which nobody else can connect, without keys."""
    copying.restore_rows(run)


@task(**task_of("mask"))
def mask_rows(run: Refreshing) -> None:
    """Each column as its rule says."""
    masking.mask_rows(run)


@task(**task_of("build_keys"))
def build_keys(run: Refreshing) -> None:
    """UNIQUE and FOREIGN KEY, on what is masked."""
    copying.build_keys(run)


@task(**task_of("prove"))
def prove_masked(run: Refreshing) -> None:
    """Nothing is left that a rule should have changed."""
    masking.prove_masked(run)


@task(**task_of("migrate"))
def migrate(run: Refreshing) -> None:
    """By the code that is deployed."""
    migrating.migrate(run)


@task(**task_of("carry"))
def carry_over(run: Refreshing) -> None:
    """What the environment keeps of its own."""
    carrying.carry_over(run)


@task(**task_of("check_data"))
def check_data(run: Refreshing) -> None:
    """As after a release's migrations."""
    migrating.check_data(run)


@task(**task_of("rehearse"))
def rehearse(run: Refreshing) -> None:
    """What the next release would take on this data; nothing of it fails the refresh."""
    rehearsing.rehearse_next(run)


@task(**task_of("swap"))
def swap(run: Refreshing) -> None:
    """The new database gets the old one's name."""
    swapping.swap_in(run)


@task(**task_of("check_health"))
def check_health(run: Refreshing) -> None:
    """What serves is well with it, asked from outside."""
    swapping.check_health(run)


@contextmanager
def putting_back(run: Refreshing) -> Iterator[None]:
    """Whatever ends these phases before their end, a signal too, has the renames go back."""
    try:
        yield
    except LeaseLost:
        raise
    except BaseException as failure:
        if run.swapped:
            put_back(run, failure)
        raise


@task(**task_of("put_back"))
def put_back(run: Refreshing, failure: BaseException) -> None:
    """The environment has the data again that it had."""
    swapping.put_back(run, failure)
