"""What Prefect's UI shows of a release that is over, and of what was found: artifacts."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prefect import task
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from fairlead.branches import Distance
from fairlead.model import DriftChanges
from fairlead.project import Project
from fairlead.pruning import Pruned
from fairlead.report import (
    drift_report,
    drift_summary,
    environment_rows,
    migration_report,
    migration_summary,
    moment,
    prune_report,
    release_report,
    story_of,
    summary,
)
from fairlead.settling import Settled
from fairlead.status import status
from fairlead.watching import Look
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


@task(**task_of("report_drift"))
def report_drift(
    project: Project,
    looks: Sequence[Look],
    changes: Sequence[DriftChanges],
    distances: Sequence[Distance],
    settled: Sequence[Settled],
) -> None:
    """What is otherwise than released now, since when, and what to run."""
    create_markdown_artifact(
        drift_report(project.config.project, looks, changes, distances, settled),
        "drift",
        drift_summary(looks, changes, settled),
    )


@task(**task_of("report_pruned"))
def report_pruned(project: Project, pruned: Pruned, *, dry_run: bool) -> None:
    """What was removed, or would be."""
    text = prune_report(project.config.project, pruned, dry_run=dry_run)
    create_markdown_artifact(text, "pruned", pruned.words(dry_run=dry_run))
