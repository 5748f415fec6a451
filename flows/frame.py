"""What every flow does around its steps: opening the project, naming the run, its log."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec

from prefect import runtime
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.context import FlowRunContext
from prefect.logging.handlers import APILogHandler
from prefect.states import Completed, Failed

from fairlead.config import find
from fairlead.dispatch.runs import TAG
from fairlead.errors import FairleadError, InputError, ServedAlready, WaitsForApproval
from fairlead.model import EXIT_CODES, ReleaseState, Request
from fairlead.project import Project
from tasks.blocks import prefect_secret
from tasks.promote import TAG as VIA_SCHEDULE

UNNAMED = {"schedule": "the schedule"}  # who asks where nobody does
Parameters = ParamSpec("Parameters")


@contextmanager
def opened() -> Iterator[Project]:
    """The project of FAIRLEAD_CONFIG, with the core's log carried into the run."""
    _carry_log()
    _update_run(tags=_tags())
    project = Project.open(find(), prefect_secret=prefect_secret)
    try:
        _refuse_another_environment(project)
        yield project
    finally:
        project.close()


def ending_in_our_words(steps: Callable[Parameters, State]) -> Callable[Parameters, State]:
    """An error of ours becomes the run's final state as it reads, without a traceback."""

    @wraps(steps)
    def ended(*args: Parameters.args, **kwargs: Parameters.kwargs) -> State:
        try:
            return steps(*args, **kwargs)
        except WaitsForApproval as waits:
            return Completed(name="Waiting", message=str(waits))
        except ServedAlready as served:
            return _answered(served.release, ReleaseState(served.state))
        except FairleadError as error:
            return Failed(message="\n".join(filter(None, [error.summary, error.next_step])))

    return ended


def flow_run() -> str | None:
    """The id of this run, for the history."""
    return str(runtime.flow_run.id) if runtime.flow_run.id else None


def named(sha: str | None = None) -> str:
    """`release-1a2b3c4-to-dev`; of `sha`, or else of the commit in the form."""
    given = runtime.flow_run.parameters
    commit = sha or given.get("sha") or "before"
    return f"{runtime.flow_run.flow_name}-{commit[:7]}-to-{given.get('environment')}"


def show_commit(sha: str) -> None:
    """The run is named and tagged by a commit that its form left open."""
    _update_run(name=named(sha), tags=_tags() | {sha[:7]})


def this_run(requested_by: str) -> dict[str, Any]:
    """Who asks, through what."""
    via = _via()
    return {"requested_by": requested_by or UNNAMED.get(via, "unknown"), "requested_via": via}


def _via() -> str:
    context = FlowRunContext.get()
    run = context.flow_run if context else None
    tags = runtime.flow_run.tags
    if TAG in tags:
        return "github"
    if VIA_SCHEDULE in tags or (run is not None and run.auto_scheduled):
        return "schedule"
    return "prefect" if runtime.deployment.id else "command line"


def answered_before(project: Project, request: Request) -> State | None:
    """The outcome of the very same request, when it was served already."""
    before = project.store.releases.of_request(request.id) if request.id else None
    if before is None or before.state is ReleaseState.WAITING:
        return None
    return _answered(before.id, before.state)


def _answered(release: int, state: ReleaseState) -> State:
    words = f"this request was served by release {release}: {state}"
    good = EXIT_CODES.get(state) == 0
    return Completed(message=words) if good else Failed(message=words)


def _refuse_another_environment(project: Project) -> None:
    """The deployment `dev` releases to dev, whatever is typed into its form. Raises InputError."""
    deployment, given = runtime.deployment.name, runtime.flow_run.parameters.get("environment")
    known = project.config.environments
    if given in known and deployment in known and given != deployment:
        raise InputError(
            f"This is the Prefect deployment of {deployment}, and {given} was asked for.",
            next_step=f"Start the deployment {runtime.flow_run.flow_name}/{given} instead.",
        )


def _carry_log() -> None:
    log = logging.getLogger("fairlead")
    log.setLevel(logging.INFO)
    if not any(isinstance(handler, APILogHandler) for handler in log.handlers):
        log.addHandler(APILogHandler())


def _tags() -> set[str]:
    given = runtime.flow_run.parameters
    environment, sha = given.get("environment"), given.get("sha")
    return {*runtime.flow_run.tags, *filter(None, [environment, sha and sha[:7]])}


def _update_run(**what: Any) -> None:
    run = runtime.flow_run.id
    if run:
        with get_client(sync_client=True) as client:
            client.update_flow_run(run, **what)
