"""Migrating: the preset's commands in order, each in a one-off container of the exact digest."""

import re
import time
from dataclasses import replace

from fairlead.database.abilities import abilities
from fairlead.database.presets import Abilities, Choice, brings_tenants, choose
from fairlead.database.tenants.fast import Watch, bring_tenants
from fairlead.engine.jobs import run_job
from fairlead.engine.site import Site
from fairlead.engine.target import Target

# The line for each migration that is begun: Django's own, with django-tenants' prefix before it,
# and Alembic's, where the project lets it log.
APPLYING = re.compile(r"Applying ([\w.]+)\.\.\.|Running upgrade .*?-> ([^\s,]+)")


def chosen(site: Site, target: Target) -> Choice:
    """What the preset asks for, of this image. Raises PresetUnfit, JobFailed."""
    migrations = target.config.migrations
    asks = migrations.preset not in ("none", "command")
    return choose(migrations, abilities(site, target) if asks else Abilities(None))


def begun(line: str) -> str | None:
    """The migration of which a command says in this line that it begins."""
    found = APPLYING.search(line)
    return found[found.lastindex or 0] if found else None


def migrate(site: Site, target: Target, choice: Choice, watch: Watch) -> bool:
    """Run what was chosen; False when that is nothing. Each migration that is begun is told to
    `watch.applied` once.

    All commands together have `migrations.timeout` seconds. Raises JobFailed at the first that
    does not end with 0, TenantsFailed; nothing after it is run.
    """
    migrations = target.config.migrations
    for line in choice.lines:
        watch.say(line)
    seen: set[str] = set()

    def applied(name: str) -> None:
        if name not in seen:
            seen.add(name)
            watch.applied(name)

    def listen(line: str) -> None:
        watch.say(line)
        name = begun(line)
        if name:
            applied(name)

    deadline = time.monotonic() + migrations.timeout
    for command in choice.commands:
        watch.say(f"$ {' '.join(command)}")
        left = max(1.0, deadline - time.monotonic())
        if choice.django and migrations.tenants == "fast" and brings_tenants(command):
            watch.say('instead, by Fairlead: only tenants that are behind (tenants = "fast")')
            bring_tenants(site, target, replace(watch, say=listen, applied=applied), left)
            continue
        run_job(
            site,
            target,
            target.config.migration_service,
            command,
            listen,
            timeout=left,
            lock_timeout=migrations.lock_timeout,
        )
    return bool(choice.commands)
