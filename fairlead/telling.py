"""Telling people of a release, and of what runs otherwise than it was released: it is written
down, and sent by the courier. Nothing fails because of it."""

from collections.abc import Iterable, Sequence
from typing import Any

from fairlead.config import Slack
from fairlead.database.preview.judge import headline, unsafe
from fairlead.database.preview.model import preview_of
from fairlead.drift import next_step
from fairlead.model import (
    DriftChanges,
    Message,
    MessageKind,
    Release,
    ReleaseKind,
    ReleaseState,
    Request,
    Step,
    StepName,
    StepOutcome,
)
from fairlead.notify import DriftNotice, Notice
from fairlead.notify.drift_message import build_drift_message
from fairlead.notify.github_message import GOOD, Place, Standing
from fairlead.notify.github_places import asked_by, place_of, replaced_places
from fairlead.notify.slack_message import FAILURES, build_message, build_reply
from fairlead.project import Project
from fairlead.store import Store

AFTERWARDS = (
    StepName.ROLL_BACK,
    StepName.ROLL_BACK_DATABASE,
    StepName.NOTIFY,
    StepName.SETTLE,
)
GOING_ON = (ReleaseState.RUNNING, ReleaseState.WAITING)
VERIFYING = (
    StepName.PREFLIGHT,
    StepName.VERIFY_BUILD,
    StepName.PLAN_MIGRATIONS,
    StepName.APPROVE,
)
LEVELS = ("info", "warning", "error")


def tell(project: Project, subject: str, notice: Notice) -> bool:
    """Write down what is told of the subject now; False when nobody wants to hear it."""
    channels = project.config.environment(notice.environment).notify.slack
    messages = [
        *slack_messages(channels, subject, notice),
        *github_messages(project, subject, notice),
    ]
    project.store.outbox.put(project.config.project, messages)
    return bool(messages)


def slack_messages(channels: Iterable[Slack], subject: str, notice: Notice) -> Iterable[Message]:
    """To each channel that wants to hear of such a state; a failure with its details."""
    for channel in channels:
        if LEVELS.index(level(notice)) >= LEVELS.index(channel.at_least):
            body, final = build_message(notice), notice.state not in GOING_ON
            yield Message(channel.destination, subject, MessageKind.STATE, body, final)
            if notice.state in FAILURES or notice.settled:
                yield Message(channel.destination, subject, MessageKind.DETAIL, build_reply(notice))


def github_messages(project: Project, subject: str, notice: Notice) -> Iterable[Message]:
    """How it stands, once: GitHub is not told of each step."""
    github = project.config.github
    if github is None or github.destination is None:
        return
    standing = _standing(project.store, github.repository, subject, notice)
    if standing is None:
        return
    written = project.store.outbox.of(notice.project, subject)
    before = [one.message for one in written if one.message.destination == github.destination]
    body, final = standing.model_dump(mode="json"), notice.state not in GOING_ON
    if before and not notice.run_url:  # who settles a release does not know its run
        body["log_url"] = before[-1].body["log_url"]
    message = Message(github.destination, subject, MessageKind.STATE, body, final)
    if message not in before[-1:]:
        yield message


def _standing(store: Store, repository: str, subject: str, notice: Notice) -> Standing | None:
    """None where it is not known yet at which deployment it is told: a rollback that waits."""
    release = store.releases.get(notice.release) if notice.release else None
    if release is None and notice.kind is ReleaseKind.ROLLBACK:
        return None
    good = release is not None and notice.state in GOOD
    return Standing(
        place=place_of(store, repository, release)
        if release
        else Place(
            project=notice.project,
            environment=notice.environment,
            sha=notice.sha,
            subject=subject,
            deployment=asked_by(store, repository, notice.project, subject),
        ),
        kind=notice.kind,
        state=notice.state,
        release=notice.release,
        waiting=bool(notice.waits_for),
        verifying=notice.state is ReleaseState.RUNNING and notice.step in VERIFYING,
        settled=bool(notice.settled),
        step=notice.step if notice.state in FAILURES else None,
        environment_url=notice.url,
        log_url=notice.run_url,
        replaced=replaced_places(store, repository, release) if release and good else (),
    )


def level(notice: Notice) -> str:
    """How much it matters: `warning` is what somebody may want to do something about."""
    if notice.state in FAILURES:
        return "error"
    return "warning" if notice.state is ReleaseState.REFUSED or notice.settled else "info"


def drift_notice(project: str, url: str, sha: str, changes: DriftChanges) -> DriftNotice | None:
    """What is told of an environment in which `sha` is deployed; None where nothing has changed.

    That it has caught up is told by the release that did it.
    """
    new = [one.drift for one in changes.new if one.drift.is_fault]
    ahead = [one.drift.words for one in changes.new if not one.drift.is_fault]
    gone = [one.drift.line for one in changes.gone if one.drift.is_fault]
    if not (new or ahead or gone):
        return None
    return DriftNotice(
        project=project,
        environment=changes.environment,
        new=tuple(drift.line for drift in new),
        behind="; ".join(ahead),
        gone=tuple(gone),
        left=sum(one.drift.is_fault for one in changes.open),
        next_step=next_step(new[0], changes.environment, sha) if new else "",
        url=url,
    )


def tell_drift(project: Project, notice: DriftNotice) -> bool:
    """Write down one message; False when nobody wants to hear it."""
    wanted = LEVELS.index("warning" if notice.new else "info")
    messages = [
        Message(
            channel.destination,
            f"drift of {notice.environment}",
            MessageKind.DETAIL,
            build_drift_message(notice),
        )
        for channel in project.config.environment(notice.environment).notify.slack
        if wanted >= LEVELS.index(channel.at_least)
    ]
    project.store.outbox.put(project.config.project, messages)
    return bool(messages)


def tell_waiting(project: Project, request: Request, flow_run: str | None, why: str) -> None:
    """Tell of a release that has no number yet, because it waits for another one."""
    notice = Notice(
        project=project.config.project,
        environment=request.environment,
        sha=request.sha,
        kind=request.kind,
        state=ReleaseState.RUNNING,
        requested_by=request.requested_by,
        reason=request.reason,
        waits_for=why,
        url=project.config.environment(request.environment).url,
    )
    tell(project, request.id or flow_run or "", notice)


def tell_ended(project: Project, release: Release, settled: str = "") -> None:
    """Tell how a release ended that nobody tells of who knows more than the store does."""
    failed = failed_step(project.store.steps.of(release.id))
    notice = Notice(
        **told_of(project, release),
        state=release.state,
        step=failed.name if failed else None,
        seconds=release.seconds,
        requests_answered=release.requests_answered,
        requests_lost=release.requests_lost,
        error=release.error or "",
        settled="" if settled == release.error else settled,
        next_command=f"fairlead show {release.id} --verbose",
    )
    tell(project, release.subject, notice)


def tell_forgotten(project: Project) -> None:
    """Tell how those releases ended whose process died before it could."""
    for release in project.store.releases.untold(project.config.project):
        if release.environment in project.config.environments:
            tell_ended(project, release)


def told_of(project: Project, release: Release) -> dict[str, Any]:
    """What does not change while a release goes on."""
    replaces = project.store.releases.get(release.replaces) if release.replaces else None
    return {
        "release": release.id,
        "project": release.project,
        "environment": release.environment,
        "sha": release.sha,
        "kind": release.kind,
        "previous": replaces.sha[:7] if replaces else "",
        "requested_by": release.requested_by,
        "reason": release.reason,
        "migrations": _unsafe_migrations(project, release),
        "url": project.config.environment(release.environment).url,
    }


def _unsafe_migrations(project: Project, release: Release) -> str:
    """One line, where there is something that people want to know of."""
    kept = project.store.previews.of(release.id)
    large = project.config.environment(release.environment).migrations.large
    preview = preview_of(kept.body) if kept else None
    if kept is None or preview is None or not unsafe(preview, large):
        return ""
    return headline(preview, kept.pending, large)


def failed_step(steps: Sequence[Step]) -> Step | None:
    """The step that failed first of all, not what came of it; of a dead run the one it died in."""
    failed = [
        step
        for step in steps
        if step.outcome in (StepOutcome.FAILED, None) and step.name not in AFTERWARDS
    ]
    return failed[-1] if failed else None
