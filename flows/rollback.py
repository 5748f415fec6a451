"""Go back to what an environment ran before."""

from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from fairlead.going_back import way_back
from fairlead.releasing import releasing
from flows.frame import (
    answered_before,
    ending_in_our_words,
    flow_run,
    named,
    opened,
    show_commit,
    this_run,
)
from tasks.check_health import check_health
from tasks.deploy import deploy
from tasks.notify import telling
from tasks.preflight import preflight
from tasks.pull_images import pull_images
from tasks.record import move_tags, record, retire
from tasks.report import reporting
from tasks.roll_back import putting_back
from tasks.verify_build import take_recorded


@flow(name="rollback", flow_run_name=named, persist_result=False)
@ending_in_our_words
def rollback(
    environment: str,
    sha: Annotated[str, Field(pattern=r"^([0-9a-f]{40})?$")] = "",
    reason: Annotated[str, Field(max_length=500)] = "",
    requested_by: Annotated[str, Field(max_length=100)] = "",
    wait_minutes: Annotated[float, Field(ge=0, le=1440)] = 0,
    request_id: str = "",
) -> State:
    """Start the recorded containers with the recorded config, switch, prove, record.

    The database is not rolled back: the old code runs on the migrations that stay.

    Args:
        environment: Where. Set by this deployment: leave it as it is.
        sha: The commit to go back to, one that was released here before: all 40 hex digits. Empty:
            what ran before this.
        reason: Why, for the history and for those who are told.
        requested_by: Who you are, for the history.
        wait_minutes: How many minutes to wait for a release that is running here already. With 0
            this one is refused then.
        request_id: For programs, which may ask twice: the same request is served once. A person
            leaves it empty.
    """
    with opened() as project:
        back = way_back(project, environment, sha)
        show_commit(back.to.sha)
        request = back.request(reason=reason, id=request_id or None, **this_run(requested_by))
        if before := answered_before(project, request):
            return before
        with (
            reporting(project, flow_run()),
            releasing(
                project,
                request,
                flow_run=flow_run(),
                wait=wait_minutes * 60,
                config=back.target.config,
                origin=back.target.origin,
            ) as run,
            telling(run),
        ):
            preflight(run)
            take_recorded(run, back)
            pull_images(run)
            with putting_back(run):
                deploy(run)
                check_health(run)
                record(run)
            move_tags(run, return_state=True)
            retire(run, return_state=True)
        return Completed(message=f"{environment} runs {back.target.sha[:7]} again; {back.stays}")
