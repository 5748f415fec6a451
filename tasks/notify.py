"""People are told: when a release begins, and how it ended. Telling never fails a release."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from prefect import task

from fairlead.config import Slack
from fairlead.errors import FairleadError
from fairlead.model import ReleaseState, Step, StepName, StepOutcome
from fairlead.notify import Notice, Posted
from fairlead.run import Run
from tasks.step import task_of

LOG = logging.getLogger("fairlead")
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
        if notice.error:
            notifier.reply(posted, notice)
    except FairleadError as error:
        problem = run.redact(error.message)
        LOG.warning("notify: %s", problem)
    notices.told(release, slack.channel, state, message_id=message_id, error=problem)
    return problem


def _notice(run: Run, state: ReleaseState) -> Notice:
    release, steps = run.release, run.store.steps.of(run.release.id)
    failed = _failed(steps)
    answered, lost = run.probe.count if run.probe else (None, None)
    good = state in (ReleaseState.RUNNING, ReleaseState.SUCCEEDED, ReleaseState.UNCHANGED)
    return Notice(
        release=release.id,
        project=release.project,
        environment=release.environment,
        sha=release.sha,
        kind=release.kind,
        state=state,
        requested_by=release.requested_by,
        reason=release.reason,
        step=failed.name if failed else None,
        seconds=(datetime.now(UTC) - release.started_at).total_seconds(),
        requests_answered=answered,
        requests_lost=lost,
        error="" if good or run.failure is None else run.redact(str(run.failure)),
        log_tail=tuple(failed.log_tail.splitlines()[-20:]) if failed else (),
        put_back=run.put_back,
        next_command="" if good else _next_command(run, state),
        url=run.settings.url,
    )


def _failed(steps: list[Step]) -> Step | None:
    """The step that failed first of all, not what came of it."""
    failed = [
        step for step in steps if step.outcome is StepOutcome.FAILED and step.name not in AFTERWARDS
    ]
    return failed[-1] if failed else None


def _next_command(run: Run, state: ReleaseState) -> str:
    if state is ReleaseState.ROLLBACK_FAILED:
        return f"fairlead settle {run.release.environment}"
    return f"fairlead show {run.release.id} --verbose"
