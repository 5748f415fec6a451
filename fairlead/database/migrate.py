"""Migrating: the preset's commands in order, each in a one-off container of the exact digest."""

import re
import time
from collections.abc import Callable

from fairlead.database.abilities import abilities
from fairlead.database.presets import Abilities, choose
from fairlead.engine.jobs import run_job
from fairlead.engine.site import Site
from fairlead.engine.target import Target

# Django's own line for each migration it runs, with django-tenants' prefix before it.
APPLYING = re.compile(r"Applying ([\w.]+)\.\.\.")


def migrate(
    site: Site, target: Target, say: Callable[[str], None], applied: Callable[[str], None]
) -> bool:
    """Run what the preset asks for; False when that is nothing. Each migration that is begun is
    told to `applied` once.

    All commands together have `migrations.timeout` seconds. Raises JobFailed at the first that
    does not end with 0; none after it is run.
    """
    migrations = target.config.migrations
    asks = migrations.preset not in ("none", "command")
    choice = choose(migrations, abilities(site, target) if asks else Abilities(None))
    for line in choice.lines:
        say(line)
    seen: set[str] = set()

    def listen(line: str) -> None:
        say(line)
        found = APPLYING.search(line)
        if found and found[1] not in seen:
            seen.add(found[1])
            applied(found[1])

    deadline = time.monotonic() + migrations.timeout
    for command in choice.commands:
        say(f"$ {' '.join(command)}")
        run_job(
            site,
            target,
            target.config.migration_service,
            command,
            listen,
            timeout=max(1.0, deadline - time.monotonic()),
            lock_timeout=migrations.lock_timeout,
        )
    return bool(choice.commands)
