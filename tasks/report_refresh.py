"""What people see of a refresh that is over: an artifact in Prefect's UI, and a notice where it
failed, or works again."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import task
from prefect.artifacts import create_markdown_artifact

from fairlead.courier import deliver
from fairlead.model import Refresh
from fairlead.project import Project
from fairlead.refresh.frame import Asked
from fairlead.refresh.telling import tell_ended
from fairlead.report import refresh_report, refresh_summary
from tasks.step import task_of


@contextmanager
def reporting(project: Project, environment: str, asked: Asked) -> Iterator[None]:
    """However it ends, a refused one too, it is reported once its lease is given back. What fails
    of that is shown, and changes nothing."""
    before = _last(project, environment, asked)
    try:
        yield
    finally:
        row = _last(project, environment, asked)
        if row is not None and (before is None or row.id != before.id):
            if asked.flow_run is not None:
                report_refresh(project, row, return_state=True)
            notify_refresh(project, row, return_state=True)


def _last(project: Project, environment: str, asked: Asked) -> Refresh | None:
    """Of this run: somebody else may have been refused meanwhile."""
    rows = project.store.refreshes.history(project.config.project, environment)
    return next((row for row in rows if row.flow_run == asked.flow_run), None)


@task(**task_of("report"))
def report_refresh(project: Project, row: Refresh) -> None:
    """Sizes, times, what was masked, what is kept."""
    phases = project.store.refreshes.phases(row.id)
    key = f"refresh-{row.environment}"
    create_markdown_artifact(refresh_report(row, phases), key, refresh_summary(row))


@task(**task_of("notify"))
def notify_refresh(project: Project, row: Refresh) -> None:
    """Of a failure, and of the first that is good after it."""
    if tell_ended(project, row):
        deliver(project, project.senders(row.environment))
