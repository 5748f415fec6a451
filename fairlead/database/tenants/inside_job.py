"""Runs the program for the inside in a container of the release's image and reads what it tells."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from fairlead.database.tenants.archive import PATH, zipapp
from fairlead.database.tenants.inside.events import PREFIX
from fairlead.engine.jobs import run_job
from fairlead.engine.site import Site
from fairlead.engine.target import Target

Event = dict[str, Any]


def command(manage: Sequence[str], mode: str, options: Mapping[str, Any]) -> list[str]:
    """The image's own interpreter runs the zipapp, which runs manage.py for its settings."""
    *interpreter, script = manage
    return [*(interpreter or ["python"]), PATH, mode, json.dumps(dict(options)), script]


def run_inside(
    site: Site,
    target: Target,
    mode: str,
    options: Mapping[str, Any],
    *,
    told: Callable[[Event], None],
    say: Callable[[str], None],
    timeout: float,
    files: Mapping[str, bytes] | None = None,
) -> None:
    """Each event of the program goes to `told`, all its other lines to `say`. `files` are there
    for it, by path. Raises JobFailed."""
    migrations = target.config.migrations

    def listen(line: str) -> None:
        event = event_of(line)
        if event is None:
            say(line)
        else:
            told(event)

    run_job(
        site,
        target,
        target.config.migration_service,
        command(migrations.manage, mode, options),
        listen,
        timeout=timeout,
        lock_timeout=migrations.lock_timeout,
        shown=[*migrations.manage, f"(fairlead: {mode})"],
        files={PATH: zipapp(), **(files or {})},
    )


def event_of(line: str) -> Event | None:
    """What a line tells; None for a line of the log. What a migration printed without ending its
    line may stand before it."""
    _, prefix, text = line.partition(PREFIX)
    if not prefix:
        return None
    try:
        event = json.loads(text)
    except ValueError:
        return None
    return event if isinstance(event, dict) and "event" in event else None
