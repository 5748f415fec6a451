"""What nobody needs any more is removed."""

from prefect import task

from fairlead.project import Project
from fairlead.pruning import Pruned
from fairlead.pruning import prune as prune_all
from tasks.step import task_of


@task(**task_of("prune"))
def prune(project: Project, *, dry_run: bool) -> Pruned:
    """Host after host; what cannot be cleared up is told in it."""
    return prune_all(project, dry_run=dry_run)
