"""Migrating: the preset's commands in order, in one-off containers of the exact digest."""

import re
import time
from dataclasses import replace

from fairlead.database.presets import Choice, brings_tenants
from fairlead.database.tenants.fast import Watch, bring_tenants
from fairlead.engine.jobs import run_job
from fairlead.engine.site import Site
from fairlead.engine.target import Target

# The line for each migration that is begun: Django's own, with django-tenants' prefix before it,
# and Alembic's, where the project lets it log.
APPLYING = re.compile(r"Applying ([\w.]+)\.\.\.|Running upgrade .*?-> ([^\s,]+)")


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

    if choice.django and migrations.tenants == "fast" and any(map(brings_tenants, choice.commands)):
        heard = replace(watch, say=listen, applied=applied)
        bring_tenants(site, target, choice.commands, heard, migrations.timeout)
        return True
    deadline = time.monotonic() + migrations.timeout
    for command in choice.commands:
        watch.say(f"$ {' '.join(command)}")
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
