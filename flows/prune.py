"""Remove what no rollback needs any more."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.frame import ending_in_our_words, opened
from tasks.prune import prune as prune_hosts
from tasks.report import report_pruned


@flow(name="prune", flow_run_name="prune", persist_result=False)
@ending_in_our_words
def prune(dry_run: bool = False) -> State:
    """Remove the containers and images that no rollback within the kept releases needs, never what
    is deployed.

    Args:
        dry_run: Only say what would be removed.
    """
    with opened() as project:
        pruned = prune_hosts(project, dry_run=dry_run)
        report_pruned(project, pruned, dry_run=dry_run)
    message = "\n".join([pruned.words(dry_run=dry_run), *pruned.problems, *pruned.left])
    return Failed(message=message) if pruned.problems else Completed(message=message)
