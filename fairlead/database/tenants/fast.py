"""Tenants at speed: the program inside does it, and what it tells is kept and said."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from fairlead.config import Migrations
from fairlead.database.presets import Command, brings_tenants
from fairlead.database.tenants.inside_job import Event, run_inside
from fairlead.engine.jobs import TAIL
from fairlead.engine.site import Site
from fairlead.engine.target import Target
from fairlead.errors import JobFailed, TenantsFailed
from fairlead.model import TenantMigration

# Whoever asks for a lock in vain has all who come after wait as well: never longer than this.
LONGEST_WAIT = 0.5  # seconds
STEPS = 20  # lines of progress in the log


@dataclass(frozen=True, slots=True)
class Watch:
    """Who hears of it: `say` of lines for people, `applied` of each migration once, `keep` of
    tenants (several at a time), `progress` of how many of how many are at the release."""

    say: Callable[[str], None]
    applied: Callable[[str], None] = lambda _: None
    keep: Callable[[Sequence[TenantMigration]], None] = lambda _: None
    progress: Callable[[int, int], None] = lambda *_: None


def options(migrations: Migrations, commands: Sequence[Command]) -> dict[str, Any]:
    """Of the program inside, for the commands that it runs or, the last of them, is run instead
    of."""
    return {
        "commands": [list(command) for command in commands],
        "parallel": migrations.parallel,
        "max_failures": migrations.max_failures,
        "lock_timeout": min(migrations.lock_timeout, LONGEST_WAIT),
        "attempts": migrations.lock_attempts,
        "canaries": list(migrations.canary_tenants),
    }


def bring_tenants(
    site: Site, target: Target, commands: Sequence[Command], watch: Watch, timeout: float
) -> None:
    """Run the commands but for the last, which brings the tenants: all of them to the release of
    `target`, in the same container. Raises TenantsFailed, JobFailed."""
    told = Told(watch)
    try:
        run_inside(
            site,
            target,
            "migrate",
            options(target.config.migrations, commands),
            told=told.take,
            say=told.hear,
            timeout=timeout,
        )
    except JobFailed as error:
        if told.end is None:
            raise JobFailed(told.command, error.why, told.tail) from error
        end = told.end
        raise TenantsFailed(end["failed"], end["left"], end["stopped"]) from error
    finally:
        told.flush()


@dataclass
class Told:
    """What was told so far: of `command`, which runs now, the last lines."""

    watch: Watch
    command: Command = ()
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))
    end: Event | None = None
    _kept: list[TenantMigration] = field(default_factory=list)
    _said: int = 0

    def take(self, event: Event) -> None:
        match event["event"]:
            case "command":
                self._begin(tuple(event["command"]))
            case "begun":
                self.watch.say(
                    f"tenants: {event['behind']} behind, in {event['states']} states; "
                    f"{event['at_head']} have nothing to do"
                )
            case "recipe":
                self._recipe(event)
            case "differs":
                names = ", ".join(event["tenants"][:STEPS])
                self.watch.say(f"made differently from {event['usual']}: {names}")
                for line in event["lines"]:
                    self.watch.say(f"    {line}")
            case "tenant":
                self._tenant(event)
            case "ended":
                self.end = event

    def hear(self, line: str) -> None:
        """A line of the log."""
        self.tail.append(line)
        self.watch.say(line)

    def _begin(self, command: Command) -> None:
        self.command = command
        self.tail.clear()
        self.watch.say(f"$ {' '.join(command)}")
        if brings_tenants(command):
            self.watch.say('instead, by Fairlead: only tenants that are behind (tenants = "fast")')

    def flush(self) -> None:
        kept, self._kept = self._kept, []
        if kept:
            self.watch.keep(kept)

    def _recipe(self, event: Event) -> None:
        for name in [*event["replayed"], *event["by_django"]]:
            self.watch.applied(name)
        self.watch.say(f"{event['canary']} shows the way: {len(event['replayed'])} replayed")
        for name, why in event["by_django"].items():
            self.watch.say(f"    by Django in each tenant: {name} ({why})")

    def _tenant(self, event: Event) -> None:
        self._kept.append(
            TenantMigration(
                event["tenant"],
                event["state"],
                event["seconds"],
                event["attempt"],
                event["at"],
                event["error"],
            )
        )
        done, of = event["done"], event["of"]
        if event["state"] != "done":
            self.watch.say(
                f"{event['tenant']} {event['state']}, attempt {event['attempt']}"
                f"{' at ' + event['at'] if event['at'] else ''}: {event['error']}"
            )
        if done * STEPS // max(of, 1) > self._said or done == of:
            self._said = done * STEPS // max(of, 1)
            self.watch.say(f"tenants: {done} of {of} done, {event['failed']} failed")
            self.watch.progress(done, of)
            self.flush()
