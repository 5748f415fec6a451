"""After a death: what an unfinished release left is finished, put back, or reported.

What really runs is the last word: the hosts are read, never assumed.
"""

from collections.abc import Callable, Sequence
from itertools import chain

from fairlead.config import Config
from fairlead.database.backup.fetched import clear_fetched
from fairlead.engine.at_once import at_once
from fairlead.engine.outside import check
from fairlead.engine.site import Site
from fairlead.engine.sites import put_back
from fairlead.engine.target import Target
from fairlead.errors import FairleadError, NotSettled
from fairlead.lease import Held
from fairlead.model import (
    BackupState,
    Kept,
    Placement,
    Release,
    ReleaseKind,
    ReleaseState,
    Step,
    StepName,
    StepOutcome,
)
from fairlead.project import Project
from fairlead.proving import move_tags
from fairlead.redact import blank
from fairlead.reversing import undo_migrations
from fairlead.telling import tell_ended

ENDED_BY_US = "The process that made it died during {step}; {what}. {database}"
PUT_BACK_LATER = "it is put back now; {what}. {database}"


def settle(project: Project, environment: str, lease: Held) -> str | None:
    """Settle the environment's unfinished release, one that could not be put back, or one whose
    process died after it was recorded, and remove what a dead restore had fetched; what was done,
    or None when there was nothing to do.

    A settled release keeps its state: history is not rewritten. Raises NotSettled."""
    removed = clear_fetched(project.config.project, environment)
    release = unsettled(project, environment)
    if release is None:
        return removed
    lease.guard()
    attempt = project.store.steps.begin(release.id, StepName.SETTLE)
    lines: list[str] = []
    try:
        done = _settled(project, release, lines.append)
    except FairleadError as error:
        blank(error, project.redact)
        _end_step(project, release, attempt, StepOutcome.FAILED, str(error), lines)
        raise NotSettled(environment, release.id, project.redact(str(error))) from error
    _end_step(project, release, attempt, StepOutcome.SUCCEEDED, done, lines)
    _tell(project, release.id, done)
    return f"Release {release.id} ({release.sha[:7]}): {done}"


def _tell(project: Project, release: int, done: str) -> None:
    after = project.store.releases.get(release)
    assert after is not None
    tell_ended(project, after, project.redact(done))


def unsettled(project: Project, environment: str) -> Release | None:
    """The release that `settle` would settle; while one is running, that one."""
    releases, where = project.store.releases, (project.config.project, environment)
    return (
        releases.unfinished(*where) or releases.not_put_back(*where) or releases.not_retired(*where)
    )


def _end_step(
    project: Project,
    release: Release,
    attempt: int,
    outcome: StepOutcome,
    words: str,
    lines: Sequence[str],
) -> None:
    failed = outcome is StepOutcome.FAILED
    project.store.steps.end(
        release.id,
        StepName.SETTLE,
        attempt,
        outcome,
        detail="" if failed else project.redact(words),
        error=project.redact(words) if failed else None,
        log_tail=project.redact("\n".join(lines)),
    )


def _settled(project: Project, release: Release, say: Callable[[str], None]) -> str:
    config = project.recorded(release)
    project.know_secrets(config, release.environment, strict=False)
    with project.open_sites(config, release.environment) as sites:
        if release.state is ReleaseState.SUCCEEDED:
            _put_to_rest(project, release, config, sites, say)
            return "it was recorded; its tags were moved and what ran before was put to rest"
        steps = project.store.steps.of(release.id)
        if _was_proven(steps):
            return _finish(project, release, config, sites, say)
        return _undo(project, release, steps, sites, say)


def _was_proven(steps: Sequence[Step]) -> bool:
    """True when nothing was missing but the record: its health check had succeeded."""
    return any(
        step.name is StepName.CHECK_HEALTH and step.outcome is StepOutcome.SUCCEEDED
        for step in steps
    ) and not any(step.name is StepName.ROLL_BACK for step in steps)


def _finish(
    project: Project,
    release: Release,
    config: Config,
    sites: Sequence[Site],
    say: Callable[[str], None],
) -> str:
    """Record what runs and was proven. If it does not hold any more, it is put back."""
    target = project.target_of(release)
    try:
        if not all(site.runs(target) for site in sites):
            raise NotSettled(release.environment, release.id, "its containers do not run")
        for site in sites:
            outside = project.outside(config.environment(release.environment), site)
            for smoke in config.smoke:
                check(outside, smoke)
    except FairleadError as error:
        say(str(error))
        return _undo(project, release, project.store.steps.of(release.id), sites, say)
    project.store.placements.record(release.id, placements(release, target, sites), None)
    _put_to_rest(project, release, config, sites, say)
    return "it was proven and running; recorded as succeeded"


def _put_to_rest(
    project: Project,
    release: Release,
    config: Config,
    sites: Sequence[Site],
    say: Callable[[str], None],
) -> None:
    """The end of a release that stands: what of it fails is said, and undoes nothing."""
    try:
        move_tags(project, config, release)
    except FairleadError as error:
        say(f"its tags could not be moved: {error}")
    keep = kept(project, release)
    try:
        at_once(lambda site: site.retire(release.origin, keep, say), sites)
    except FairleadError as error:
        say(f"what ran before could not be put to rest: {error}")


def _undo(
    project: Project,
    release: Release,
    steps: Sequence[Step],
    sites: Sequence[Site],
    say: Callable[[str], None],
) -> str:
    last = next((step.name for step in reversed(steps) if step.name != StepName.SETTLE), None)
    deployed = any(step.name is StepName.DEPLOY for step in steps)
    current = project.store.releases.current(project.config.project, release.environment)
    previous = project.target_of(current) if current else None
    if deployed:
        put_back(sites, release.origin, previous, say)
        what = f"{current.sha[:7]} serves" if current else "nothing had run before it, nothing runs"
        state = ReleaseState.ROLLED_BACK
    else:
        ended = at_once(Site.end_jobs, sites)
        what = "no container was changed"
        what += f", a job was ended: {', '.join(chain.from_iterable(ended))}" if any(ended) else ""
        state = ReleaseState.FAILED
    database = _database(project, release, steps, sites[0], say)
    if current is None:  # the network was made for a job, and nobody else needs it
        at_once(lambda site: site.clear(say), sites)
    if release.state is ReleaseState.ROLLBACK_FAILED:
        return PUT_BACK_LATER.format(what=what, database=database)
    words = ENDED_BY_US.format(step=last or "its start", what=what, database=database)
    project.store.releases.end(release.id, state, error=words)
    return words


def _database(
    project: Project,
    release: Release,
    steps: Sequence[Step],
    site: Site,
    say: Callable[[str], None],
) -> str:
    """What becomes of the database, as a sentence. Raises ReverseFailed."""
    keeps = "The database keeps what was migrated."
    way = project.config.environment(release.environment).on_failure
    if not any(step.name is StepName.MIGRATE for step in steps):
        return keeps
    if way == "reverse":
        words = undo_migrations(project, release, site, project.target_of(release), say).words
        return f"{words[:1].upper()}{words[1:]}."
    backup = project.store.backups.of_release(release.id) if way == "restore" else None
    if backup is None or backup.state is not BackupState.PROVEN:
        return keeps
    return f"{keeps} As it was before: fairlead restore {release.environment} {backup.id}"


def kept(project: Project, release: Release) -> Kept | None:
    """What is kept to go back to: the release that it replaced. What somebody has gone back from
    does not stand by: it is wrong as likely as not."""
    replaced = project.store.releases.get(release.replaces) if release.replaces else None
    if replaced is None:
        return None
    policy = project.recorded(release).environment(release.environment)
    return Kept(replaced.origin, policy.standby and release.kind is not ReleaseKind.ROLLBACK)


def placements(release: Release, target: Target, sites: Sequence[Site]) -> list[Placement]:
    """What is where, once `release` runs on `sites`."""
    return [
        Placement(
            project=release.project,
            environment=release.environment,
            host=site.host,
            service=name,
            release=release.id,
            sha=release.sha,
            digest=target.images[name].digest,
            replicas=service.replicas,
            since=release.started_at,
            requested_by=release.requested_by,
        )
        for site in sites
        for name, service in target.config.services.items()
    ]
