"""Telling people of a release: one message each, kept up to date. It never fails a release."""

import logging
from collections.abc import Sequence
from typing import Any

from fairlead.config import Config, Slack
from fairlead.errors import FairleadError
from fairlead.model import Release, Step, StepName, StepOutcome
from fairlead.notify import Notice, Posted
from fairlead.notify.slack_message import FAILURES
from fairlead.project import Project

LOG = logging.getLogger("fairlead")
AFTERWARDS = (StepName.ROLL_BACK, StepName.NOTIFY, StepName.SETTLE)


def tell(project: Project, slack: Slack, notice: Notice) -> str | None:
    """What went wrong with telling, if anything did; it is recorded, never raised."""
    notices, release = project.store.notices, notice.release
    message_id, problem = notices.message_id(release, slack.channel), None
    try:
        notifier = project.slack(slack)
        if message_id is None:
            posted = notifier.post(notice)
            message_id = f"{posted.channel}/{posted.ts}"
        else:
            posted = Posted(*message_id.split("/", 1))
            notifier.update(posted, notice)
        if notice.state in FAILURES or notice.settled:
            notifier.reply(posted, notice)
    except FairleadError as error:
        problem = project.redact(error.message)
        LOG.warning("notify: %s", problem)
    notices.told(release, slack.channel, notice.state, message_id=message_id, error=problem)
    return problem


def tell_settled(project: Project, config: Config, release: Release, settled: str) -> None:
    """Bring the message of a release up to date whose own process cannot do so any more."""
    settings = config.environment(release.environment)
    if settings.notify.slack is None:
        return
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
        url=settings.url,
    )
    tell(project, settings.notify.slack, notice)


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
    }


def failed_step(steps: Sequence[Step]) -> Step | None:
    """The step that failed first of all, not what came of it; of a dead run the one it died in."""
    failed = [
        step
        for step in steps
        if step.outcome in (StepOutcome.FAILED, None) and step.name not in AFTERWARDS
    ]
    return failed[-1] if failed else None
