"""Asks the release's own image, once: which management commands it has, which therefore migrate
the database, and what is pending."""

from collections.abc import Callable
from dataclasses import dataclass

from docker.errors import APIError

from fairlead.database.pending import Pending, pending_of
from fairlead.database.presets import DJANGO, DJANGO_TENANTS, Abilities, Choice, choose
from fairlead.database.tenants.inside_job import Event, run_inside
from fairlead.engine.site import Site
from fairlead.engine.target import Target
from fairlead.errors import EngineError

WANTED = sorted({name for name, *_ in (*DJANGO, *DJANGO_TENANTS)})


@dataclass(frozen=True, slots=True)
class Asked:
    """`pending` is None where the commands are not Django's: nobody knows then."""

    choice: Choice
    pending: Pending | None = None


def ask(site: Site, target: Target, say: Callable[[str], None]) -> Asked:
    """In a one-off container; nothing is changed, and nothing run where the config names all.

    Raises PresetUnfit, and JobFailed where manage.py is there and cannot tell its commands, or for
    migrations in conflict."""
    migrations, events = target.config.migrations, list[Event]()
    if migrations.preset in ("none", "command"):
        return Asked(choose(migrations, Abilities(None)))
    try:
        run_inside(
            site,
            target,
            "ask",
            {"wanted": WANTED},
            told=events.append,
            say=say,
            timeout=migrations.timeout,
        )
    except EngineError as error:
        if not _cannot_be_run(error):
            raise
        interpreter = migrations.manage[0] if len(migrations.manage) > 1 else "python"
        return Asked(choose(migrations, Abilities(None, f"the image cannot run {interpreter}")))
    found = next(event["commands"] for event in events if event["event"] == "abilities")
    why = "" if found is not None else f"the image has no {migrations.manage[-1]}"
    choice = choose(migrations, Abilities(found, why))
    return Asked(choice, pending_of(events) if choice.django else None)


def _cannot_be_run(error: EngineError) -> bool:
    """The engine answers 400 (404 before 23.0) when the program is not in the image."""
    cause = error.__cause__
    return isinstance(cause, APIError) and cause.status_code in (400, 404)
