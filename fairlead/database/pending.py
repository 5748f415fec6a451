"""What of the release's migrations is not applied yet, over the shared schema and all tenants."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from fairlead.database.tenants.inside_job import Event, run_inside
from fairlead.engine.site import Site
from fairlead.engine.target import Target


@dataclass(frozen=True, slots=True)
class PendingMigration:
    """One migration by Django's app label and name. `shared` says that the shared schema (or the
    one database of a project without tenants) waits for it, `tenants` how many tenants do."""

    app: str
    name: str
    shared: bool
    tenants: int

    def __str__(self) -> str:
        return f"{self.app}.{self.name}"


@dataclass(frozen=True, slots=True)
class Waiting:
    """Schemas that all have the same migrations, and wait for others: the shared one, which has no
    name in a project without tenants, or tenants of one kind."""

    shared: bool
    kind: str
    schemas: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pending:
    """`migrations` in the order in which they would be applied. Of `tenants` in all `at_head` have
    nothing to do; `behind` names the others, and `waiting` groups them. `missing` are tenants
    without a schema; `squashed` says that rows of squashed migrations have to be written, which
    changes no table; `begun` that something was applied before. `shared` is the shared schema."""

    migrations: tuple[PendingMigration, ...]
    tenants: int
    at_head: int
    behind: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    squashed: bool = False
    waiting: tuple[Waiting, ...] = ()
    begun: bool = True
    shared: str = ""

    @property
    def anything(self) -> bool:
        """True where a migration would change the database."""
        return bool(self.migrations)


def pending(site: Site, target: Target, say: Callable[[str], None]) -> Pending:
    """Ask the release's own image, in a one-off container; nothing is changed. For projects of
    Django and django-tenants. Raises JobFailed, also for migrations in conflict."""
    events: list[Event] = []
    timeout = target.config.migrations.timeout
    run_inside(site, target, "plan", {}, told=events.append, say=say, timeout=timeout)
    return pending_of(events)


def pending_of(events: Iterable[Event]) -> Pending:
    """Pure: from what the program inside tells."""
    states = [event for event in events if event["event"] == "state"]
    missing = tuple(
        tenant for event in events if event["event"] == "missing" for tenant in event["tenants"]
    )
    shared = {tuple(key) for state in states if state["of"] == "shared" for key in state["pending"]}
    behind: dict[tuple[str, ...], int] = {}
    for state in states:
        for key in state["pending"]:
            behind[tuple(key)] = behind.get(tuple(key), 0) + state["tenants"]
    of_tenants = [state for state in states if state["of"] == "tenants"]
    of_shared = [state for state in states if state["of"] == "shared"]
    waiting = [state for state in of_tenants if state["pending"] or state["squashed"]]
    total = sum(state["tenants"] for state in of_tenants)
    return Pending(
        tuple(
            PendingMigration(app, name, (app, name) in shared, tenants)
            for (app, name), tenants in behind.items()
        ),
        tenants=total + len(missing),
        at_head=total - sum(state["tenants"] for state in waiting),
        behind=tuple(name for state in waiting for name in state["named"]),
        missing=missing,
        squashed=any(state["squashed"] for state in states),
        waiting=tuple(
            Waiting(state["of"] == "shared", state["kind"], tuple(state["named"]))
            for state in states
            if state["pending"]
        ),
        begun=any(state["begun"] for state in states),
        shared=next((name for state in of_shared for name in state["named"]), ""),
    )
