"""Somebody else looks at what would be done, before anything is."""

from prefect import runtime, task

from fairlead.approving import ask, check_approved, needs_approval
from fairlead.model import ReleaseState, StepName
from fairlead.run import Run
from tasks.step import task_of


def approve(run: Run) -> bool:
    """True when the release may go on; otherwise it waits from now on.

    Raises ApprovalVoid when what was approved is not what would be done now.
    """
    return not needs_approval(run) or _approve(run)


@task(**task_of("approve"))
def _approve(run: Run) -> bool:
    with run.step(StepName.APPROVE) as step:
        approval = run.store.approvals.of(run.release.id)
        if approval is not None:
            check_approved(run, approval)
            step.detail = f"approved by {approval.decided_by}, {approval.decided_via}"
            step.detail += f": {approval.reason}" if approval.reason else ""
            return True
        suspended = str(runtime.flow_run.id) if runtime.deployment.id else None
        asked = ask(run, runtime.flow_run.parameters, suspended)
        step.detail = f"waits for approval, until {asked.expires_at:%Y-%m-%d %H:%M %Z} at most"
    run.state = ReleaseState.WAITING
    return False
