"""Approval: a release waits, holding nothing, until somebody lets it go on or time is up."""

from collections.abc import Mapping
from typing import Any

from fairlead.errors import ApprovalVoid, CannotDecide, NotApproved, UnknownRelease
from fairlead.model import Approval, Decision, Release, ReleaseKind, ReleaseState, digests
from fairlead.previewing import unsafe_for
from fairlead.project import Project
from fairlead.run import Run
from fairlead.telling import tell_ended

NOBODY = "nobody"  # decides when time is up


def needs_approval(run: Run) -> bool:
    """Where the environment wants it for all, or for migrations like these. Going back is always
    possible."""
    wanted = bool(run.settings.approval) or bool(unsafe_for(run, "approve"))
    return wanted and run.release.kind is not ReleaseKind.ROLLBACK


def ask(run: Run, parameters: Mapping[str, Any], suspended: str | None) -> Approval:
    """Have the release wait. `suspended` is the run of Prefect's that will, if one will."""
    return run.store.approvals.ask(
        run.release.id,
        rule="other" if run.settings.approval == "other" else "anybody",
        seconds=run.settings.approval_timeout,
        parameters=parameters,
        suspended=suspended,
    )


def check_approved(run: Run, approval: Approval) -> None:
    """What was approved is what would be done now. Raises ApprovalVoid."""
    name, store = run.release.environment, run.store
    current = store.releases.current(run.release.project, name)
    if digests(store.ledger.images(run.release.id)) != digests(run.images.values()):
        raise ApprovalVoid(name, "its images are other ones")
    if (current.id if current else None) != run.release.replaces:
        raise ApprovalVoid(name, "another release has ended there since")
    shown = store.previews.of(run.release.id)
    if (shown.digest if shown else "") != (run.plan.digest if run.plan else ""):
        raise ApprovalVoid(name, "its migrations would do something else now")


def decide(
    project: Project, release: int, decision: Decision, *, by: str, via: str, reason: str
) -> Approval:
    """Write the decision down; one that was made already stands, and is given back if it is the
    same. A release that is refused has ended with that.

    Raises UnknownRelease, CannotDecide.
    """
    waiting, approval = asked(project, release)
    if decision is Decision.APPROVED and approval.rule == "other" and by == waiting.requested_by:
        raise CannotDecide(release, f"{by} asked for it, and somebody else has to approve it")
    error = None if decision is Decision.APPROVED else str(_refusal(waiting, decision, by, reason))
    decided = project.store.approvals.decide(
        release, decision, by=by, via=via, reason=reason, error=error
    )
    if decided is None:
        return _decided_before(project, release, decision)
    if error is not None:
        ended = project.store.releases.get(release)
        assert ended is not None
        tell_ended(project, ended)
    return decided


def asked(project: Project, release: int) -> tuple[Release, Approval]:
    """A release that waits, and for what. Raises UnknownRelease, CannotDecide."""
    found = project.store.releases.get(release)
    if found is None or found.project != project.config.project:
        raise UnknownRelease(str(release))
    approval = project.store.approvals.of(release)
    if approval is None:
        raise CannotDecide(release, "it did not wait for that")
    if found.state is not ReleaseState.WAITING:
        raise CannotDecide(release, _how_it_went(found, approval))
    return found, approval


def _how_it_went(release: Release, approval: Approval) -> str:
    if approval.decision is None or approval.decision is Decision.EXPIRED:
        return f"it is {release.state}"
    return f"{approval.decided_by} has {approval.decision} it, and it is {release.state}"


def _decided_before(project: Project, release: int, decision: Decision) -> Approval:
    before = project.store.approvals.of(release)
    assert before is not None
    if before.decision is not decision:
        raise CannotDecide(release, f"{before.decided_by} has {before.decision} it")
    return before


def _refusal(release: Release, decision: Decision, by: str, reason: str) -> NotApproved:
    if decision is Decision.EXPIRED:
        return NotApproved(release.environment, release.id, "nobody did in time")
    why = f"{by} refused it" + (f": {reason}" if reason else "")
    return NotApproved(release.environment, release.id, why)


def expire(project: Project) -> None:
    """Those that have waited too long are refused, those too that were approved and never went
    on."""
    for approval in project.store.approvals.overdue(project.config.project):
        release = approval.release
        if approval.decision is None:
            decide(project, release, Decision.EXPIRED, by=NOBODY, via="time", reason="")
            continue
        words = "it was approved, and did not go on in time"
        found = project.store.releases.get(release)
        if found and project.store.releases.stop_waiting(
            release, str(NotApproved(found.environment, release, words))
        ):
            ended = project.store.releases.get(release)
            assert ended is not None
            tell_ended(project, ended)
