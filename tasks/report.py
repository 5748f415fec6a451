"""What Prefect's UI shows of a release that is over: artifacts, written from the store."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from fairlead.project import Project
from fairlead.report import (
    environment_rows,
    migration_report,
    migration_summary,
    moment,
    release_report,
    story_of,
    summary,
)
from fairlead.status import status
from tasks.step import task_of


@contextmanager
def reporting(project: Project, flow_run: str | None) -> Iterator[None]:
    """However the release of this run ends, a refused one too, it is reported once its lease is
    given back: nobody waits for that. What fails of it is shown, and changes nothing."""
    try:
        yield
    finally:
        if flow_run is not None:
            report(project, flow_run, return_state=True)


@task(**task_of("report"))
def report(project: Project, flow_run: str) -> None:
    """The release, its migrations, and what runs where now."""
    release = project.store.releases.of_flow_run(flow_run)
    if release is None:
        return  # it was refused before there was anything to write down
    story, environment = story_of(project, release), release.environment
    create_markdown_artifact(release_report(story), f"release-{environment}", summary(release))
    if migrations := migration_report(story):
        create_markdown_artifact(migrations, f"migrations-{environment}", migration_summary(story))
    urls = {name: settings.url for name, settings in project.config.environments.items()}
    create_table_artifact(
        environment_rows(status(project, moment), urls),
        "environments",
        f"what runs where after release {release.id}",
    )
