"""Asks an image which management commands it has and which options they take."""

import json

from docker.errors import APIError

from fairlead.database.presets import DJANGO, DJANGO_TENANTS, Abilities
from fairlead.database.tenants.archive import PATH, zipapp
from fairlead.engine.jobs import run_job
from fairlead.engine.site import Site
from fairlead.engine.target import Target
from fairlead.errors import EngineError

WANTED = sorted({name for name, *_ in (*DJANGO, *DJANGO_TENANTS)})

# Run by the image's own Python, with the program for the inside beside it.
SCRIPT = """
import json, os, sys
inside, manage, *wanted = sys.argv[1:]
if not os.path.exists(manage):
    print(json.dumps(None))
    raise SystemExit(0)
sys.path.insert(0, inside)
from fairlead_inside.project import set_up
set_up(manage)
from django.core.management import get_commands, load_command_class
known = get_commands()
found = {}
for name in wanted:
    if name in known:
        app = known[name]
        command = load_command_class(app, name) if isinstance(app, str) else app
        parser = command.create_parser("manage.py", name)
        found[name] = sorted(o for action in parser._actions for o in action.option_strings)
print(json.dumps(found))
"""


def abilities(site: Site, target: Target) -> Abilities:
    """Raises JobFailed when manage.py is there and cannot even tell its commands."""
    migrations = target.config.migrations
    *interpreter, manage = migrations.manage
    command = [*(interpreter or ["python"]), "-c", SCRIPT, PATH, manage, *WANTED]
    try:
        lines = run_job(
            site,
            target,
            target.config.migration_service,
            command,
            lambda _: None,
            timeout=migrations.timeout,
            lock_timeout=migrations.lock_timeout,
            shown=[*migrations.manage, "help"],
            files={PATH: zipapp()},
        )
    except EngineError as error:
        if _cannot_be_run(error):
            return Abilities(None, f"the image cannot run {command[0]}")
        raise
    found = json.loads(lines[-1])
    return Abilities(found, "" if found is not None else f"the image has no {manage}")


def _cannot_be_run(error: EngineError) -> bool:
    """The engine answers 400 (404 before 23.0) when the program is not in the image."""
    cause = error.__cause__
    return isinstance(cause, APIError) and cause.status_code in (400, 404)
