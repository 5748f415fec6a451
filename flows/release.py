"""Bring one commit SHA to one environment."""

from typing import Annotated, Literal

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from fairlead.errors import WaitsForApproval
from fairlead.model import ReleaseKind, Request, parse_sha
from fairlead.releasing import releasing
from flows.approval import approved_before, suspending
from flows.frame import answered_before, ending_in_our_words, flow_run, named, opened, this_run
from tasks.approve import approve
from tasks.backup_database import backup_database
from tasks.check_data import check_data
from tasks.check_health import check_health
from tasks.deploy import deploy
from tasks.migrate import migrate
from tasks.notify import telling
from tasks.plan_migrations import plan_migrations
from tasks.preflight import preflight
from tasks.pull_images import pull_images
from tasks.record import move_tags, record, retire
from tasks.report import reporting
from tasks.roll_back import putting_back
from tasks.roll_back_database import database_put_back
from tasks.verify_build import verify_build


@flow(name="release", flow_run_name=named, persist_result=False)
@ending_in_our_words
def release(
    environment: str,
    sha: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")],
    reason: Annotated[str, Field(max_length=500)] = "",
    requested_by: Annotated[str, Field(max_length=100)] = "",
    source: str = "",
    wait_minutes: Annotated[float, Field(ge=0, le=1440)] = 0,
    if_unchanged: Literal["do nothing", "release again"] = "do nothing",
    when_frozen: Literal["refuse", "release anyway"] = "refuse",
    request_id: str = "",
) -> State:
    """Prove the build, save and migrate the database, swap the containers without dropping a
    request, prove the result, record it. What fails is put back by itself.

    Args:
        environment: Where to. Set by this deployment: leave it as it is.
        sha: The commit to release: all 40 hex digits of it, as `git rev-parse` prints them.
        reason: Why, for the history and for those who are told.
        requested_by: Who you are, for the history.
        source: To promote, the environment whose images of this commit are taken, e.g. `uat`.
            Empty: the images that were built for this environment.
        wait_minutes: How many minutes to wait for a release that is running here already. With 0
            this one is refused then.
        if_unchanged: What to do when the environment runs exactly this already.
        when_frozen: What to do in a freeze window; releasing anyway is recorded.
        request_id: For programs, which may ask twice: the same request is served once. A person
            leaves it empty.
    """
    request = Request(
        environment=environment,
        sha=parse_sha(sha),
        kind=ReleaseKind.PROMOTION if source else ReleaseKind.RELEASE,
        source=source or None,
        reason=reason,
        id=request_id or None,
        **this_run(requested_by),
    )
    with opened() as project:
        if before := answered_before(project, request):
            return before
        approved = approved_before(project, request, flow_run())
        with (
            suspending(project),
            reporting(project, flow_run()),
            releasing(
                project, request, flow_run=flow_run(), wait=wait_minutes * 60, approved=approved
            ) as run,
            telling(run),
        ):
            preflight(run, when_frozen=when_frozen)
            if not verify_build(run, again=if_unchanged == "release again"):
                return Completed(message=f"{environment} runs {sha[:7]} already: nothing to do")
            plan_migrations(run)
            if not approve(run):
                raise WaitsForApproval(environment, run.release.id)
            pull_images(run)
            backup_database(run)
            with database_put_back(run):
                migrate(run)
                check_data(run)
                with putting_back(run):
                    deploy(run)
                    check_health(run)
                    record(run)
            # From here on the release is done; what fails below is shown, and changes nothing.
            move_tags(run, return_state=True)
            retire(run, return_state=True)
    return Completed(message=f"{environment} runs {sha[:7]}")
