"""Bring to the next environment what has been well in the one before for long enough."""

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.frame import ending_in_our_words, opened
from tasks.promote import promote as promote_to


@flow(name="promote", flow_run_name="promote", persist_result=False)
@ending_in_our_words
def promote() -> State:
    """Start a release wherever `promote_after` says that it is time."""
    with opened() as project:
        tried: list[State[str | None]] = [
            promote_to(project, target, return_state=True) for target in project.config.environments
        ]
    started = [state.result() for state in tried if state.is_completed()]
    message = "; ".join(filter(None, started)) or "nothing is due"
    failed = [state.message or "" for state in tried if not state.is_completed()]
    return Failed(message="\n".join([message, *failed])) if failed else Completed(message=message)
