"""Following a release or a refresh: each of its pieces as the store gets to know it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from fairlead.cli.context import print_json
from fairlead.cli.failing import echo
from fairlead.cli.screen import Screen
from fairlead.cli.starting import Started
from fairlead.cli.tables import COLOURS
from fairlead.errors import WaitsForApproval
from fairlead.model import EXIT_CODES, Piece, Refresh, RefreshState, Release, ReleaseState, duration
from fairlead.project import Project

PAUSE = 0.2  # seconds between two looks at the store
Row = TypeVar("Row", Release, Refresh)


@dataclass(frozen=True, slots=True)
class Followed(Generic[Row]):
    """What of the store is followed: `find` gives it once it is there, `noun` and `plural` are what
    it and its pieces are called."""

    noun: str
    plural: str
    find: Callable[[], Row | None]
    pieces: Callable[[Row], Sequence[Piece]]
    is_over: Callable[[Row], bool]
    tell: Callable[[Row, Screen], None]


def follow(followed: Followed[Row], started: Started, *, as_json: bool, verbose: bool) -> int:
    """Print its pieces as they end, then how all of it ended; its exit code."""
    screen = Screen(quiet=as_json, verbose=verbose)
    row = followed.find()
    told = {piece.title for piece in _pieces(followed, row)}  # somebody has seen them
    try:
        _watch(followed, started, screen, told)
    except KeyboardInterrupt:
        screen.line(started.interrupt(followed.noun), "yellow")
        if not started.ends_with_us:
            return 130
        _watch(followed, started, screen, told)
    row = followed.find()
    if as_json:
        pieces = _pieces(followed, row)
        print_json({followed.noun: row, followed.plural: pieces, "flow": started.ended()})
    elif row is not None:
        followed.tell(row, screen)
    if row is None:
        echo(f"error: no {followed.noun} was made. {started.ended() or ''}", err=True)
        return 3
    return EXIT_CODES.get(row.state, 5)  # still running: its process died


def _pieces(followed: Followed[Row], row: Row | None) -> Sequence[Piece]:
    return followed.pieces(row) if row else []


def _watch(followed: Followed[Row], started: Started, screen: Screen, told: set[str]) -> None:
    """Until the flow has ended, or what it does is over."""
    with screen:
        for row in _looks(followed, started):
            if row is None:
                screen.now(started.waiting(followed.noun) or "starting …")
            for piece in _pieces(followed, row):
                if piece.outcome is None:
                    screen.now(f"{piece.title} …")
                elif piece.title not in told:
                    told.add(piece.title)
                    screen.ended(piece)


def _looks(followed: Followed[Row], started: Started) -> Iterator[Row | None]:
    """The last one is after the end."""
    row: Row | None = None
    while True:
        over = started.ended() is not None or (row is not None and followed.is_over(row))
        row = followed.find()
        yield row
        if over:
            return
        time.sleep(PAUSE)


def release(
    project: Project, find: Callable[[], Release | None], *, approved: bool = False
) -> Followed[Release]:
    """One that is `approved` has waited, and goes on."""
    store = project.store

    def is_over(row: Release) -> bool:
        """Nobody holds its lease: it has ended, it waits, or its process died."""
        if approved and row.state is ReleaseState.WAITING:
            return False
        live = store.leases.live(project.config.project)
        return all(lease.release != row.id for lease in live)

    return Followed(
        "release", "steps", find, lambda row: store.steps.of(row.id), is_over, tell_release
    )


def refresh(project: Project, find: Callable[[], Refresh | None]) -> Followed[Refresh]:
    return Followed(
        "refresh",
        "phases",
        find,
        lambda row: project.store.refreshes.phases(row.id),
        lambda row: row.state is not RefreshState.RUNNING,
        tell_refresh,
    )


def tell_release(release: Release, screen: Screen) -> None:
    what = f"Release {release.id}: {release.sha[:7]} to {release.environment}"
    if release.state is ReleaseState.RUNNING:
        died = f"{what}: its process died, and what it left is not put back."
        _tell_death(died, release.environment, screen)
        return
    if release.state is ReleaseState.WAITING:
        waits = WaitsForApproval(release.environment, release.id)
        screen.line(str(waits), COLOURS[ReleaseState.WAITING])
        return
    lost = release.requests_lost
    figures = [duration(release.seconds)]
    if lost is not None:
        figures.append(f"{release.requests_answered} requests answered, {lost} lost")
    _tell_end(what, release, figures, screen)
    if release.error:
        screen.line(f"All of it: fairlead show {release.id} --verbose", "dim")


def tell_refresh(row: Refresh, screen: Screen) -> None:
    if row.state is RefreshState.RUNNING:
        died = f"Refresh {row.id} of {row.environment}: its process died."
        _tell_death(died, row.environment, screen)
        return
    what = f"Refresh {row.id}: {row.environment} from {row.source}"
    _tell_end(what, row, [duration(row.seconds)], screen)
    if row.state is RefreshState.REFRESHED and not row.error:
        screen.line(f"What it had before: {row.kept}, until: fairlead refresh undo", "dim")


def _tell_death(died: str, environment: str, screen: Screen) -> None:
    screen.line(died, COLOURS[ReleaseState.ROLLBACK_FAILED])
    screen.line(f"Once its lease is free: fairlead settle {environment}")


def _tell_end(what: str, row: Release | Refresh, figures: Sequence[str], screen: Screen) -> None:
    words = row.state.replace("_", " ")
    screen.line(f"{what}: {words} ({', '.join(figures)})", COLOURS.get(row.state, ""))
    if row.error:
        screen.line(row.error)
