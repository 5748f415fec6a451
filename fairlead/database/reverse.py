"""Bringing a Django database back to the migrations that it had: by the image that applied them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

from fairlead.database.tenants.fast import LONGEST_WAIT, Told, Watch
from fairlead.database.tenants.inside_job import Event, run_inside
from fairlead.engine.site import Site
from fairlead.engine.target import Target
from fairlead.errors import CannotReverse, JobFailed, ReverseFailed
from fairlead.model import AppliedBefore

Say = Callable[[str], None]
PATH = "/fairlead-before.json"


def applied_before(site: Site, target: Target, say: Say) -> list[AppliedBefore]:
    """What every schema has that is behind the release. Raises JobFailed."""
    events: list[Event] = []
    timeout = target.config.migrations.timeout
    run_inside(site, target, "remember", {}, told=events.append, say=say, timeout=timeout)
    return [
        AppliedBefore(one["of"] == "shared", one["schemas"], one["migrations"], one["faked"])
        for one in events
        if one["event"] == "applied"
    ]


def reverse(site: Site, target: Target, before: Sequence[AppliedBefore], say: Say) -> list[str]:
    """Unapply what `target` has applied since; the names of those migrations, the last one first.

    Raises CannotReverse where not all of it can be, with nothing touched; ReverseFailed.
    """
    told, migrations = _Told(say), target.config.migrations
    options = {
        "path": PATH,
        "lock_timeout": min(migrations.lock_timeout, LONGEST_WAIT),
        "attempts": migrations.lock_attempts,
    }
    try:
        run_inside(
            site,
            target,
            "reverse",
            options,
            told=told.take,
            say=say,
            timeout=migrations.timeout,
            files={PATH: json.dumps([_as_told(one) for one in before]).encode()},
        )
    except JobFailed as error:
        raise told.failure(target.environment, error) from error
    return told.unapplied


def _as_told(before: AppliedBefore) -> dict[str, Any]:
    fields = asdict(before)
    return {**fields, "of": "shared" if fields.pop("shared") else "tenants"}


class _Told:
    def __init__(self, say: Say) -> None:
        self.unapplied: list[str] = []
        self._stuck: list[str] = []
        self._say = say
        self._tenants = Told(Watch(say))

    def take(self, event: Event) -> None:
        match event["event"]:
            case "unapplying" if event["migration"] not in self.unapplied:
                self.unapplied.append(event["migration"])
                self._say(f"unapplying {event['migration']}")
            case "stuck":
                self._stuck = list(event["reasons"])
            case _:
                self._tenants.take(event)

    def failure(self, environment: str, error: JobFailed) -> Exception:
        if self._stuck:
            return CannotReverse(environment, self._stuck)
        failed = self._tenants.end["failed"] if self._tenants.end else {}
        why = "; ".join(f"{tenant}: {said}" for tenant, said in failed.items())
        return ReverseFailed(environment, why or error.message.rstrip("."), error.tail)
