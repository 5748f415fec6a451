"""The database is brought to the release, once, from the first host."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from uuid import UUID

import httpx
from prefect import task
from prefect.artifacts import create_progress_artifact, update_progress_artifact
from prefect.exceptions import PrefectException

from fairlead.database.migrate import migrate as run_migrations
from fairlead.database.tenants.fast import Watch
from fairlead.model import StepName, TenantMigration
from fairlead.run import Run
from fairlead.undoing import remember_after, remember_before
from fairlead.verifying import remember
from tasks.step import task_of

NOTHING = "nothing pending"
NOT_TOLD = "the project's own commands did not tell what they applied"


@task(**task_of("migrate"))
def migrate(run: Run) -> None:
    """Run the preset's commands; any exit code but 0 blocks what comes after. Never retried.

    Raises JobFailed, PresetUnfit, TenantsFailed, DatabaseUnreachable.
    """

    def keep(told: Sequence[TenantMigration]) -> None:
        clean = [replace(one, error=run.redact(one.error)) for one in told]
        run.store.tenants.keep(run.release.id, clean)

    with run.step(StepName.MIGRATE) as step, run.clearing(step):
        remember(run)
        remember_before(run, step.say)
        run.touched, run.migrated = True, bool(run.choice.commands)
        try:
            watch = Watch(step.say, run.applied.append, keep, Progress(run.release.environment))
            ran = run_migrations(run.sites[0], run.running_target, run.choice, watch)
        except BaseException:
            step.detail = _what_was_begun(run.applied)
            raise
        finally:
            remember_after(run)
        if ran:
            step.detail = _what_was_applied(run.applied, tells=run.choice.tells)
        else:
            run.before = None
            step.skip("there is nothing to run")


def _what_was_applied(names: Sequence[str], *, tells: bool) -> str:
    if names:
        return f"{len(names)} applied: {', '.join(names)}"
    return NOTHING if tells else NOT_TOLD


def _what_was_begun(names: Sequence[str]) -> str:
    return f"failed after it had begun {', '.join(names)}" if names else ""


class Progress:
    """A bar in Prefect's UI, from the first tenant that is done."""

    def __init__(self, environment: str) -> None:
        self._environment = environment
        self._artifact: UUID | None = None

    def __call__(self, done: int, of: int) -> None:
        """A server that is away keeps no tenant from its migrations."""
        with suppress(httpx.HTTPError, PrefectException):
            self._show(done, of)

    def _show(self, done: int, of: int) -> None:
        part = 100 * done / max(of, 1)
        if self._artifact is None:
            made = create_progress_artifact(
                progress=part,
                key=f"tenants-{self._environment}",
                description=f"Tenants of {self._environment} at the release: {of} were behind",
            )
            self._artifact = made if isinstance(made, UUID) else None
        else:
            update_progress_artifact(artifact_id=self._artifact, progress=part)
