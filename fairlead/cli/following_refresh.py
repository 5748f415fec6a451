"""Following a refresh: each phase as the store gets to know it."""

import time
from collections.abc import Callable

from fairlead.cli.context import print_json, took
from fairlead.cli.failing import echo
from fairlead.cli.following import PAUSE, Screen
from fairlead.cli.starting import Started
from fairlead.cli.tables import COLOURS
from fairlead.model import REFRESH_EXIT_CODES, Refresh, RefreshState
from fairlead.project import Project

Find = Callable[[], Refresh | None]


def follow(project: Project, find: Find, started: Started, *, as_json: bool, verbose: bool) -> int:
    """Print the phases as they end, then how the refresh ended; its exit code."""
    screen = Screen(quiet=as_json, verbose=verbose)
    told: set[str] = set()
    try:
        _watch(project, find, started, screen, told)
    except KeyboardInterrupt:
        screen.line(started.interrupt(), "yellow")
        if not started.ends_with_us:
            return 130
        _watch(project, find, started, screen, told)
    row = find()
    if as_json:
        phases = project.store.refreshes.phases(row.id) if row else []
        print_json({"refresh": row, "phases": phases, "flow": started.ended()})
    elif row is not None:
        _tell_outcome(row, screen)
    if row is None:
        echo(f"error: no refresh was made. {started.ended() or ''}", err=True)
        return 3
    return REFRESH_EXIT_CODES.get(row.state, 5)  # still running: its process died


def _watch(project: Project, find: Find, started: Started, screen: Screen, told: set[str]) -> None:
    with screen:
        while True:
            over = started.ended() is not None or _is_over(find())
            row = find()
            if row is None:
                screen.now(started.waiting() or "starting …")
            else:
                _phases(project, row, screen, told)
            if over:
                return
            time.sleep(PAUSE)


def _is_over(row: Refresh | None) -> bool:
    return row is not None and row.state is not RefreshState.RUNNING


def _phases(project: Project, row: Refresh, screen: Screen, told: set[str]) -> None:
    for phase in project.store.refreshes.phases(row.id):
        if phase.outcome is None:
            screen.now(f"{phase.name} …")
        elif phase.name not in told:
            told.add(phase.name)
            screen.phase(phase)


def _tell_outcome(row: Refresh, screen: Screen) -> None:
    if row.state is RefreshState.RUNNING:
        screen.line(
            f"Refresh {row.id} of {row.environment}: its process died.", COLOURS["not_put_back"]
        )
        screen.line(f"Once its lease is free: fairlead settle {row.environment}", "")
        return
    words = row.state.replace("_", " ")
    screen.line(
        f"Refresh {row.id}: {row.environment} from {row.source}: {words} ({took(row.seconds)})",
        COLOURS.get(row.state, ""),
    )
    if row.error:
        screen.line(row.error, "")
    elif row.state is RefreshState.REFRESHED:
        screen.line(f"What it had before: {row.kept}, until: fairlead refresh undo", "dim")
