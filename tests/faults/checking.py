"""What has to hold after every fault, wherever a release was."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from fairlead.model import BackupState, Release, ReleaseState, Step, StepName, StepOutcome
from fairlead.watching import look_at
from tests.bench.dying import opened
from tests.faults.cells import Cell
from tests.faults.ground import Ground, databases_like

VERSIONS = ("v1", "v2", "v3")  # before the fault, held when it comes, and after it


@dataclass(frozen=True, slots=True)
class Hit:
    """What became of the release with that id: `free` is the seconds from the end of its process
    until its lease was free, `answers` what the users of its environment got, `since` a time before
    all of it."""

    release: int
    free: float
    answers: list[str]
    since: datetime


@dataclass(frozen=True, slots=True)
class Row:
    """What a fault came to at one place: how the release ended, how many requests had no answer."""

    fault: str
    cell: str
    state: str
    lost: int
    free: float
    error: str


Noted = Callable[[list[Row]], None]


def check(ground: Ground, cell: Cell, fault: str, hit: Hit) -> Row:
    name, answers = cell.environment, hit.answers
    third, *between, first = ground.bench.history(name)
    (second,) = [release for release in between if release.id == hit.release]
    versions = [answer for answer in answers if answer in VERSIONS]
    assert changes(versions) in served(second.state), f"{cell}: {changes(answers)}"
    for release in (first, *between, third):
        is_whole(release, ground.bench.steps(release.id), hit.since)
    assert third.state is ReleaseState.SUCCEEDED, f"{cell}: {third.error}"
    before = second if second.state is ReleaseState.SUCCEEDED else first
    assert third.replaces == before.id, cell
    is_true(ground, name)
    is_clean(ground, name, kept=before, current=third)
    return Row(
        fault=fault,
        cell=str(cell),
        state=second.state.replace("_", " "),
        lost=len(answers) - len(versions),
        free=hit.free,
        error=second.error or "",
    )


def changes(answers: list[str]) -> list[str]:
    """In their order, the same one after the other only once."""
    return [now for before, now in zip(["", *answers], answers, strict=False) if now != before]


def served(state: ReleaseState) -> list[list[str]]:
    """What may have been served, one after the other, when the release in the middle ended so."""
    put_back = [["v1", "v3"], ["v1", "v2", "v1", "v3"]]
    ways = {
        ReleaseState.SUCCEEDED: [["v1", "v2", "v3"]],
        ReleaseState.REFUSED: [["v1", "v3"]],
        ReleaseState.FAILED: [["v1", "v3"]],
        ReleaseState.ROLLED_BACK: put_back,
        # The next release finds what was left, and puts that back first.
        ReleaseState.ROLLBACK_FAILED: put_back,
    }
    return ways[state]


def is_whole(release: Release, steps: list[Step], since: datetime) -> None:
    """It is over, says why when it is no success, and every step that was begun has ended, or
    somebody has settled it. All its times are the store's."""
    assert release.ended_at is not None, release
    times = [release.started_at, *(step.started_at for step in steps)]
    times += [step.ended_at for step in steps if step.ended_at] + [release.ended_at]
    assert since <= min(times), release
    assert max(times) <= datetime.now(UTC), release
    good = release.state in (ReleaseState.SUCCEEDED, ReleaseState.UNCHANGED)
    assert good or release.error, release
    settled = any(
        step.name is StepName.SETTLE and step.outcome is StepOutcome.SUCCEEDED for step in steps
    )
    left = [step.name for step in steps if step.outcome is None]
    assert settled or not left, f"release {release.id} ({release.state}) has no end of {left}"
    for step in steps:
        assert step.ended_at is None or step.started_at <= step.ended_at, step


def is_true(ground: Ground, environment: str) -> None:
    """What is recorded is what runs, and nobody holds the environment."""
    with opened(ground.bench) as project:
        look = look_at(project, environment)
        leases = project.store.leases.live(ground.bench.project)
        placed = project.store.placements.all(ground.bench.project, environment)
    assert not look.unjudged, look
    assert look.drifts == (), look
    assert leases == []
    assert look.current is not None
    assert {one.release for one in placed} == {look.current.id}


def is_clean(ground: Ground, environment: str, *, kept: Release, current: Release) -> None:
    """Only what runs, and what is kept to go back to, is there."""
    prefix = f"{ground.bench.project}-{environment}"
    services = [f"{prefix}-web-{one.origin}-1" for one in (kept, current)]
    assert ground.containers(environment) == sorted(
        [f"{prefix}-proxy", f"{prefix}-router", *services]
    )
    assert ground.networks(environment) == [prefix]
    url = ground.databases[environment]
    assert databases_like(url) == [conninfo_to_dict(url)["dbname"]]
    backups = ground.bench.read(lambda store: store.backups.all(ground.bench.project, environment))
    assert all(one.state is not BackupState.RUNNING for one in backups), backups
    there = {one.place for one in backups if one.state is BackupState.PROVEN}
    folder = ground.backups / ground.bench.project / environment
    assert {str(path) for path in _inside(folder)} == there


def _inside(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.exists() else []
