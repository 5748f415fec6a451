"""Waiting for approval: the run is suspended, and asks its question as a form in Prefect's UI.

It holds no lease and costs no worker meanwhile; when somebody answers, it is made again from its
beginning. Where no deployment can be suspended it ends, and `fairlead approve` goes on with it.
https://docs.prefect.io/v3/advanced/interactive
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Literal

from prefect import runtime, suspend_flow_run
from prefect.input import RunInput
from pydantic import Field

from fairlead.approving import decide, expire
from fairlead.errors import CannotDecide, NotApproved, WaitsForApproval
from fairlead.model import Approval, Decision, Release, ReleaseState, Request
from fairlead.project import Project
from fairlead.report import release_report, story_of

DECISIONS = {"approve": Decision.APPROVED, "refuse": Decision.REFUSED}


class Answer(RunInput):
    """What the form asks."""

    decision: Literal["approve", "refuse"] = Field(description="May this release go on?")
    name: str = Field(min_length=1, max_length=100, description="Who you are, for the history.")
    reason: str = Field(default="", max_length=500, description="Why, for the history.")


@contextmanager
def suspending(project: Project) -> Iterator[None]:
    """A release that has to wait does so once everything it held is given back."""
    try:
        yield
    except WaitsForApproval as waits:
        release = project.store.releases.get(waits.release)
        if release is not None and runtime.deployment.id:
            _answered(project, release)
        raise


def approved_before(project: Project, request: Request, flow_run: str | None) -> Release | None:
    """The release that waits for this very request, once it is approved; None when none does.

    Raises NotApproved, WaitsForApproval.
    """
    expire(project)
    releases = project.store.releases
    found = releases.of_request(request.id) if request.id else None
    found = found or (releases.of_flow_run(flow_run) if flow_run else None)
    approval = project.store.approvals.of(found.id) if found else None
    if found is None or approval is None:
        return None
    if found.state is ReleaseState.WAITING and approval.decision is None:
        if not runtime.deployment.id:
            raise WaitsForApproval(found.environment, found.id)
        approval = _answered(project, found)
    if approval.decision is not Decision.APPROVED:
        raise NotApproved(found.environment, found.id, f"{approval.decided_by} refused it")
    return found if found.state is ReleaseState.WAITING else None


def _answered(project: Project, release: Release) -> Approval:
    """The decision of whoever has answered the form; who may not decide is asked again.

    Ends the process here and now until somebody has answered.
    """
    problem = ""
    for turn in count(1):
        approval = project.store.approvals.of(release.id)
        assert approval is not None
        if approval.decision is not None:
            return approval
        answer = suspend_flow_run(
            wait_for_input=Answer.with_initial_data(
                description=_question(project, release, problem)
            ),
            timeout=max(1, int((approval.expires_at - datetime.now(UTC)).total_seconds())),
            key=f"approval-{turn}",
        )
        try:
            return decide(
                project,
                release.id,
                DECISIONS[answer.decision],
                by=answer.name,
                via="prefect",
                reason=answer.reason,
            )
        except CannotDecide as error:
            problem = error.message
    raise AssertionError


def _question(project: Project, release: Release, problem: str) -> str:
    """Markdown above the form: what would be released, and why an answer before did not count."""
    return "\n\n".join(filter(None, [problem, release_report(story_of(project, release))]))
