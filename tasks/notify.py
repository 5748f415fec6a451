"""People are told: what a release is at, and how it ended. Telling never fails a release."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial

from prefect import runtime, task
from prefect.utilities.urls import url_for

from fairlead.errors import FailedWithLog, FairleadError
from fairlead.model import ReleaseState, Step, StepName
from fairlead.notify import Notice
from fairlead.run import Run, words
from fairlead.telling import failed_step, tell, told_of
from tasks.step import task_of

GOOD = (ReleaseState.RUNNING, ReleaseState.WAITING, ReleaseState.SUCCEEDED, ReleaseState.UNCHANGED)


@contextmanager
def telling(run: Run) -> Iterator[None]:
    """Tell each step when it begins, and at the end, whatever happened, how the release ended."""
    if run.courier.has_nobody:
        yield
        return
    run.on_step = partial(_tell, run, ReleaseState.RUNNING)
    try:
        yield
    except BaseException as failure:
        run.failure = run.failure or failure
        raise
    finally:
        run.on_step = lambda _: None
        notify(run, return_state=True)


@task(**task_of("notify"))
def notify(run: Run) -> None:
    """Bring the release's message up to date; a failure gets its details into the thread."""
    with run.step(StepName.NOTIFY) as step:
        if _tell(run, run.outcome):
            step.detail = run.courier.finish(run.release.subject)
        else:
            step.skip("nobody is told of that")


def _tell(run: Run, state: ReleaseState, step: StepName | None = None) -> bool:
    """What is written is sent by the courier, beside the release."""
    written = tell(run.project, run.release.subject, _notice(run, state, step))
    run.courier.wake()
    return written


def _notice(run: Run, state: ReleaseState, step: StepName | None) -> Notice:
    good = state in GOOD
    failed = None if good else failed_step(run.store.steps.of(run.release.id))
    answered, lost = run.probe.count if run.probe else (None, None)
    failure = None if good else run.failure
    return Notice(
        **told_of(run.project, run.release),
        state=state,
        step=failed.name if failed else step,
        seconds=(datetime.now(UTC) - run.release.started_at).total_seconds(),
        requests_answered=answered,
        requests_lost=lost,
        error=run.redact(_error(failure)) if failure else "",
        log_tail=tuple(run.redact(line) for line in _tail(failure, failed)),
        put_back=run.put_back,
        next_step=run.redact(_next_step(run.failure, state)),
        next_command="" if good else f"fairlead show {run.release.id} --verbose",
        run_url=url_for("flow-run", runtime.flow_run.id) or "",
    )


def _next_step(failure: BaseException | None, state: ReleaseState) -> str:
    """Of a good end there is none, but for somebody to approve it."""
    wanted = state not in GOOD or state is ReleaseState.WAITING
    return failure.next_step if wanted and isinstance(failure, FairleadError) else ""


def _error(failure: BaseException) -> str:
    """What happened; its last lines and what to do are told beside it."""
    return failure.summary if isinstance(failure, FairleadError) else words(failure)


def _tail(failure: BaseException | None, failed: Step | None) -> Sequence[str]:
    """The last lines of the job or container that failed, or else of the step."""
    if isinstance(failure, FailedWithLog):
        return failure.tail
    return failed.log_tail.splitlines()[-20:] if failed else ()
