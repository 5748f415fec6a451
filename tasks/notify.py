"""People are told: when a release begins, and how it ended. Telling never fails a release."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from prefect import runtime, task
from prefect.utilities.urls import url_for

from fairlead.config import Slack
from fairlead.errors import FailedWithLog, FairleadError
from fairlead.model import ReleaseState, Step, StepName, StepOutcome
from fairlead.notify import Notice, Posted
from fairlead.notify.slack_message import FAILURES
from fairlead.run import Run, words
from tasks.step import task_of

LOG = logging.getLogger("fairlead")
GOOD = (ReleaseState.RUNNING, ReleaseState.SUCCEEDED, ReleaseState.UNCHANGED)
AFTERWARDS = (StepName.ROLL_BACK, StepName.NOTIFY)


@contextmanager
def telling(run: Run) -> Iterator[None]:
    """Tell that the release runs, and at the end, whatever happened, how it ended."""
    if run.settings.notify.slack is None:
        yield
        return
    _tell(run, run.settings.notify.slack, ReleaseState.RUNNING)
    try:
        yield
    except BaseException as failure:
        run.failure = run.failure or failure
        raise
    finally:
        notify(run, return_state=True)


@task(**task_of("notify"))
def notify(run: Run) -> None:
    """Bring the release's message up to date; a failure gets its details into the thread."""
    slack = run.settings.notify.slack
    assert slack is not None
    with run.step(StepName.NOTIFY) as step:
        problem = _tell(run, slack, run.outcome)
        step.detail = problem or f"told {slack.channel}"


def _tell(run: Run, slack: Slack, state: ReleaseState) -> str | None:
    """What went wrong with telling, if anything did; it is recorded, never raised."""
    notices, release = run.store.notices, run.release.id
    message_id, problem = notices.message_id(release, slack.channel), None
    try:
        notifier = run.project.slack(slack)
        notice = _notice(run, state)
        if message_id is None:
            posted = notifier.post(notice)
            message_id = f"{posted.channel}/{posted.ts}"
        else:
            posted = Posted(*message_id.split("/", 1))
            notifier.update(posted, notice)
        if state in FAILURES:
            notifier.reply(posted, notice)
    except FairleadError as error:
        problem = run.redact(error.message)
        LOG.warning("notify: %s", problem)
    notices.told(release, slack.channel, state, message_id=message_id, error=problem)
    return problem


def _notice(run: Run, state: ReleaseState) -> Notice:
    release, good = run.release, state in GOOD
    replaces = run.store.releases.get(release.replaces) if release.replaces else None
    failed = None if good else _failed(run.store.steps.of(release.id))
    answered, lost = run.probe.count if run.probe else (None, None)
    failure = None if good else run.failure
    return Notice(
        release=release.id,
        project=release.project,
        environment=release.environment,
        sha=release.sha,
        kind=release.kind,
        state=state,
        previous=replaces.sha[:7] if replaces else "",
        requested_by=release.requested_by,
        reason=release.reason,
        step=failed.name if failed else None,
        seconds=(datetime.now(UTC) - release.started_at).total_seconds(),
        requests_answered=answered,
        requests_lost=lost,
        error=run.redact(_error(failure)) if failure else "",
        log_tail=tuple(run.redact(line) for line in _tail(failure, failed)),
        put_back=run.put_back,
        next_step=run.redact(failure.next_step) if isinstance(failure, FairleadError) else "",
        next_command="" if good else f"fairlead show {release.id} --verbose",
        url=run.settings.url,
        run_url=url_for("flow-run", runtime.flow_run.id) or "",
    )


def _error(failure: BaseException) -> str:
    """What happened; its last lines and what to do are told beside it."""
    return failure.summary if isinstance(failure, FairleadError) else words(failure)


def _tail(failure: BaseException | None, failed: Step | None) -> Sequence[str]:
    """The last lines of the job or container that failed, or else of the step."""
    if isinstance(failure, FailedWithLog):
        return failure.tail
    return failed.log_tail.splitlines()[-20:] if failed else ()


def _failed(steps: list[Step]) -> Step | None:
    """The step that failed first of all, not what came of it."""
    failed = [
        step for step in steps if step.outcome is StepOutcome.FAILED and step.name not in AFTERWARDS
    ]
    return failed[-1] if failed else None
