"""Following a release: each step as the store gets to know it."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

from rich.status import Status
from rich.text import Text

from fairlead.cli.context import print_json, took
from fairlead.cli.failing import echo
from fairlead.cli.starting import Started
from fairlead.cli.tables import COLOURS, console
from fairlead.errors import WaitsForApproval
from fairlead.model import EXIT_CODES, Phase, Release, ReleaseState, Step, StepOutcome
from fairlead.plain import plain
from fairlead.project import Project

PAUSE = 0.2  # seconds between two looks at the store


Find = Callable[[], Release | None]


def follow(project: Project, find: Find, started: Started, *, as_json: bool, verbose: bool) -> int:
    """Print the steps as they end, then how the release ended; its exit code. `find` looks for the
    release in the store; until it goes on, one that waits is waited for."""
    screen = Screen(quiet=as_json, verbose=verbose)
    told = _told(project, find())
    try:
        _watch(project, find, started, screen, told)
    except KeyboardInterrupt:
        screen.line(started.interrupt(), "yellow")
        if not started.ends_with_us:
            return 130
        _watch(project, find, started, screen, told)
    release = find()
    if as_json:
        steps = project.store.steps.of(release.id) if release else []
        print_json({"release": release, "steps": steps, "flow": started.ended()})
    elif release is not None:
        tell_outcome(release, screen)
    if release is None:
        echo(f"error: no release was made. {started.ended() or ''}", err=True)
        return 3
    return EXIT_CODES.get(release.state, 5)  # still running: its process died


def _told(project: Project, release: Release | None) -> set[tuple[str, int]]:
    """The steps of before: somebody has seen them."""
    steps = project.store.steps.of(release.id) if release else []
    return {(step.name, step.attempt) for step in steps}


def _watch(
    project: Project, find: Find, started: Started, screen: "Screen", told: set[tuple[str, int]]
) -> None:
    """Until the flow has ended, or the release is over and its lease given back."""
    waited = bool(told)
    with screen:
        for release in _looks(project, find, started, waited=waited):
            if release is None:
                screen.now(started.waiting() or "starting …")
                continue
            for step in project.store.steps.of(release.id):
                if step.outcome is None:
                    screen.now(f"{step.name} …")
                elif (step.name, step.attempt) not in told:
                    told.add((step.name, step.attempt))
                    screen.step(step)


def _looks(
    project: Project, find: Find, started: Started, *, waited: bool
) -> Iterator[Release | None]:
    release: Release | None = None
    while True:
        waits = release is None or (waited and release.state is ReleaseState.WAITING)
        over = started.ended() is not None or (not waits and _is_over(project, release))
        release = find()
        yield release
        if over:
            return
        time.sleep(PAUSE)


def _is_over(project: Project, release: Release | None) -> bool:
    """Nobody holds its lease: it has ended, it waits, or its process died."""
    live = project.store.leases.live(project.config.project)
    return release is not None and all(lease.release != release.id for lease in live)


def tell_outcome(release: Release, screen: "Screen") -> None:
    if release.state is ReleaseState.RUNNING:
        _tell_death(release, screen)
        return
    if release.state is ReleaseState.WAITING:
        for line in str(WaitsForApproval(release.environment, release.id)).splitlines():
            screen.line(line, COLOURS[ReleaseState.WAITING])
        return
    lost = release.requests_lost
    figures = [took(release.seconds)]
    if lost is not None:
        figures.append(f"{release.requests_answered} requests answered, {lost} lost")
    colour = COLOURS.get(release.state, "")
    words = release.state.replace("_", " ")
    screen.line(
        f"Release {release.id}: {release.sha[:7]} to {release.environment}: {words} "
        f"({', '.join(figures)})",
        colour,
    )
    if release.error:
        screen.line(release.error, "")
        screen.line(f"All of it: fairlead show {release.id} --verbose", "dim")


def _tell_death(release: Release, screen: "Screen") -> None:
    screen.line(
        f"Release {release.id}: {release.sha[:7]} to {release.environment}: its process died, "
        "and what it left is not put back.",
        COLOURS[ReleaseState.ROLLBACK_FAILED],
    )
    screen.line(f"Once its lease is free: fairlead settle {release.environment}", "")


class Screen:
    """A line a step; on a terminal also what is going on now."""

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self._console, self._quiet, self._verbose = console(), quiet, verbose
        live = sys.stdout.isatty() and not quiet
        self._status: Status | None = self._console.status("starting") if live else None
        self._last = ""

    def __enter__(self) -> "Screen":
        self._context: AbstractContextManager[object] = self._status or nullcontext()
        self._context.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(None, None, None)

    def now(self, words: str) -> None:
        if self._status is not None:
            self._status.update(Text(plain(words)))
        elif words != self._last and not words.endswith("…"):
            self.line(words, "dim")
        self._last = words

    def step(self, step: Step) -> None:
        assert step.ended_at is not None
        seconds = (step.ended_at - step.started_at).total_seconds()
        name = step.name if step.attempt == 1 else f"{step.name} (try {step.attempt})"
        self._ended(step, name, seconds)

    def phase(self, phase: Phase) -> None:
        self._ended(phase, phase.name, phase.seconds)

    def _ended(self, step: Step | Phase, name: str, seconds: float | None) -> None:
        assert step.outcome is not None
        text = Text(f"{step.outcome:<10} ", style=COLOURS.get(step.outcome, ""))
        what = step.detail or (step.error or "").partition("\n")[0]
        text.append(f"{name:<22} {took(seconds):>8}  ", style="default")
        good = step.outcome is not StepOutcome.FAILED and not self._verbose
        self._print(text.append(plain(what), style="default"), whole=not good)
        if step.log_tail and (self._verbose or step.outcome is StepOutcome.FAILED):
            for line in step.log_tail.splitlines():
                self._print(Text(f"    {plain(line)}", style="dim"))

    def line(self, words: str, style: str) -> None:
        for part in plain(words).splitlines():
            self._print(Text(part, style=style))

    def _print(self, text: Text, *, whole: bool = True) -> None:
        """On a terminal what is not shown `whole` is cut off at its edge; `show` has the rest."""
        if not self._quiet:
            if whole:
                self._console.print(text, soft_wrap=True)
            else:
                self._console.print(text, no_wrap=True, overflow="ellipsis")
