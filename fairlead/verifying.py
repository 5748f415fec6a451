"""Verifying what a migration has left, before a container is changed: the data, and that the
version which still serves can live with it."""

from fairlead.database.checks.look import look_after, look_before
from fairlead.errors import DataCheckFailed
from fairlead.model import BackupState
from fairlead.pending import in_words, pending_now
from fairlead.promotion import not_well
from fairlead.run import Run, StepLog


def remember(run: Run) -> None:
    """How the data is, before it is migrated; nobody looks where nothing is. Raises
    DatabaseUnreachable."""
    if run.settings.database is not None and not run.nothing_pending:
        with run.project.database(run.release.environment) as conninfo:
            run.before = look_before(conninfo, run.config)
        run.well_before = run.previous is not None and not _unwell(run)


def verify(run: Run, step: StepLog) -> None:
    """Raises DataCheckFailed, DatabaseUnreachable, JobFailed."""
    assert run.before is not None, "migrate comes first"
    with run.project.database(run.release.environment) as conninfo:
        after = look_after(conninfo, run.config, run.before, run.project.config.checks)
    for line in after.known:
        step.say(f"was so before: {line}")
    old = _unwell(run) if run.well_before else ""
    left = pending_now(run, step.say)
    problems = [
        *([f"still pending: {in_words(left)}"] if left is not None and left.anything else []),
        *after.problems,
        *([f"the version that serves: {old}"] if old else []),
    ]
    for line in problems:
        step.say(line)
    if problems:
        raise DataCheckFailed(run.release.environment, problems, _way_back(run))
    step.detail = _detail(run)


def _detail(run: Run) -> str:
    assert run.before is not None
    parts = ["nothing pending"] if run.choice.django else []
    parts += ["constraints, indexes and sequences whole"]
    parts += [f"rows of {len(run.before.rows)} tables"] if run.before.rows else []
    parts += [f"{len(run.project.config.checks)} checks"] if run.project.config.checks else []
    parts += ["the version that serves is well"] if run.well_before else []
    return ", ".join(parts)


def _unwell(run: Run) -> str:
    """Why what runs there now is not well; empty when it is."""
    current = run.store.releases.current(run.release.project, run.release.environment)
    return not_well(run.project, current) if current else ""


def _way_back(run: Run) -> str:
    if run.settings.on_failure != "code":
        return "What became of the database is said by the step roll_back_database."
    keeps = "The database keeps what was migrated"
    backup = run.store.backups.of_release(run.release.id)
    if backup is None or backup.state is not BackupState.PROVEN:
        return f"{keeps}."
    return f"{keeps}; as it was before: fairlead restore {run.release.environment} {backup.id}"
