"""A failed release is put back: the old containers are still there, warm."""

from collections.abc import Iterator
from contextlib import contextmanager

from prefect import task

from fairlead.engine.outside import check
from fairlead.engine.sites import put_back
from fairlead.errors import LeaseLost, RollbackFailed
from fairlead.model import ReleaseState, StepName
from fairlead.run import Run
from tasks.step import task_of


@contextmanager
def putting_back(run: Run) -> Iterator[None]:
    """Whatever ends these steps before their end, a signal too, has the release put back."""
    try:
        yield
    except BaseException as failure:
        roll_back(run, failure)
        raise


@task(**task_of("roll_back"))
def roll_back(run: Run, failure: BaseException) -> None:
    """Have every host run what it ran before, check that it answers, and say what stays.

    Without anything before it, nothing is left. Raises RollbackFailed with both errors, LeaseLost.
    """
    if run.state is ReleaseState.SUCCEEDED:
        return  # it was recorded; only telling so failed
    try:
        with run.step(StepName.ROLL_BACK) as step:
            put_back(run.sites, run.release.origin, run.previous, step.say)
            _answers_again(run)
            run.put_back = step.detail = _what_stays(run)
            step.say(step.detail)
    except LeaseLost:
        raise
    except Exception as error:
        run.state = ReleaseState.ROLLBACK_FAILED
        run.failure = RollbackFailed(run.release.environment, failure, error)
        raise run.failure from error
    run.state = ReleaseState.ROLLED_BACK


def _answers_again(run: Run) -> None:
    if run.previous is not None:
        for outside in run.outsides:
            for smoke in run.previous.config.smoke:
                check(outside, smoke)


def _what_stays(run: Run) -> str:
    if run.previous is None:
        return "nothing had run before it: its containers were removed, nothing is served"
    old = f"{run.previous.sha[:7]} serves again"
    if run.settings.on_failure != "code":
        return old
    if not run.applied and run.choice.tells:
        return f"{old}; no migration had been applied"
    kept = ", ".join(run.applied) or "what the project's own commands did"
    return f"{old}; the database keeps {kept}, and the old code answered its health checks on them"
