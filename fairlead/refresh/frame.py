"""The frame of a refresh: it takes the lease, settles what dead runs left, writes down what it is
about to do, and at the end its outcome. What is half-made then is taken away."""

import time
from collections.abc import Collection, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from fairlead.config import Environment, Masking, RefreshSettings
from fairlead.database.backup.beside import at, drop, elsewhere, stamp_of
from fairlead.database.backup.programs import Programs
from fairlead.database.backup.source import Source
from fairlead.database.checks.look import Before
from fairlead.database.masking.session import reason
from fairlead.database.masking.statements import TableName
from fairlead.database.refresh.extensions import Extension
from fairlead.database.refresh.identity import Identity
from fairlead.database.refresh.names import kept_name, made_name
from fairlead.database.refresh.selection import Selection
from fairlead.engine.target import Target
from fairlead.errors import (
    FairleadError,
    LeaseLost,
    RefreshFailed,
    RefreshNotPutBack,
    RefreshRefused,
    StoreUnreachable,
)
from fairlead.lease import Held, hold
from fairlead.model import Backup, PhaseName, Refresh, RefreshState
from fairlead.plain import plain
from fairlead.project import Project
from fairlead.recovery import settle
from fairlead.refresh.left import drop_left, drop_old, has, settle_left
from fairlead.refresh.room import Room
from fairlead.refresh.ways import way_of_source
from fairlead.refresh.work import Work
from fairlead.run import LOG, StepLog, recorded, words
from fairlead.saving import way_to
from fairlead.store.database import first_line

SAID_NO = (2, 3)  # exit codes: what was asked for, the config or a rule
UNMASKED = (PhaseName.DUMP, PhaseName.RESTORE, PhaseName.MASK, PhaseName.PROVE)
QUERY = 300.0  # seconds that one of our own queries may take in production
GUARD = 5.0  # seconds between two questions whether the lease is still ours, in long phases


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who wants it, through what. `request` names the request, so that it is never served twice."""

    requested_by: str
    requested_via: str
    request: str | None = None
    flow_run: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What the first look has found: both databases, what is deployed, `unwell` if it is, and how
    it is led to another database, who owns the tables, and what of production
    is taken: of `backup`, where one is read. `extensions` are those that pg_restore cannot make."""

    read: Source
    old: Source
    identity: Identity
    programs: Programs
    backup: Backup | None
    deployed: Target
    unwell: str
    beside: Target
    owner: str
    masking: Masking
    key: SecretStr
    selection: Selection
    extensions: tuple[Extension, ...]
    large_objects: bool


@dataclass
class Refreshing:
    """A refresh that is being made. The phases fill in what the next ones need: `look` what both
    databases are and what is deployed, `restore` that the new one is there, and which of its tables
    were masked as they `arrived`, `swap` that it has taken the other's place. `target` leads to the
    environment's database, `source` to the one that is read."""

    project: Project
    row: Refresh
    held: Held
    settings: RefreshSettings
    target: str
    source: str
    deadline: float
    work: Work
    room: Room
    looked: Looked | None = None
    without: list[str] = field(default_factory=list)
    selected: list[str] = field(default_factory=list)
    kept_off: Collection[int] = ()
    arrived: frozenset[TableName] = frozenset()
    before: Before | None = None
    beside: bool = False  # the new database is there, and nobody's yet
    swapped: bool = False
    failure: BaseException | None = None
    figures: dict[str, Any] = field(default_factory=dict)
    _guarded: float = 0.0

    @property
    def seen(self) -> Looked:
        assert self.looked is not None, "the phase `look` comes first"
        return self.looked

    @property
    def environment(self) -> str:
        return self.row.environment

    @property
    def policy(self) -> Environment:
        return self.project.config.environment(self.environment)

    @property
    def made(self) -> str:
        """The way to the new database."""
        return at(self.target, self.row.made)

    @property
    def left(self) -> float:
        """Seconds."""
        return max(1.0, self.deadline - time.monotonic())

    def tick(self) -> None:
        """Asked again and again while a program runs. Raises LeaseLost, RefreshFailed."""
        if self.room.short:
            raise self.failed(self.room.short)
        if time.monotonic() - self._guarded > GUARD:
            self._guarded = time.monotonic()
            self.held.guard()

    def note(self, **figures: Any) -> None:
        self.figures |= figures
        self.project.store.refreshes.note(self.row.id, figures)

    def failed(self, why: str, tail: tuple[str, ...] = ()) -> RefreshFailed:
        return RefreshFailed(self.environment, why, [self.project.redact(line) for line in tail])

    @contextmanager
    def phase(self, name: PhaseName) -> Iterator[StepLog]:
        """Write the intent, do it, write the outcome. Raises LeaseLost before anything is done."""
        self.held.guard()
        refreshes = self.project.store.refreshes
        refreshes.begin_phase(self.row.id, name)
        log = StepLog(name, self.project.redact)
        try:
            with (
                recorded(self.project, log, partial(refreshes.end_phase, self.row.id, name)),
                _short_of_room(self),
                _translated(self, name),
            ):
                yield log
        finally:
            if log.detail:
                LOG.info("%s: %s", name, plain(self.project.redact(log.detail)))

    def drop_made(self) -> bool:
        """Of a new database that nobody has seen. False where it has taken the other's place, and
        we were not told: that is for whoever comes next to find out."""
        if self.beside and not self.swapped:
            with elsewhere(self.target, self.row.session) as connection:
                if has(connection, self.row.kept):
                    return False
                drop(connection, self.row.made)
            self.beside = False
        return True

    @property
    def outcome(self) -> RefreshState:
        if self.failure is None:
            return RefreshState.REFRESHED
        if isinstance(self.failure, RefreshNotPutBack):
            return RefreshState.NOT_PUT_BACK
        phases = self.project.store.refreshes.phases(self.row.id)
        untouched = all(one.name is PhaseName.LOOK for one in phases)
        said_no = getattr(self.failure, "exit_code", None) in SAID_NO
        return RefreshState.REFUSED if said_no and untouched else RefreshState.FAILED


@contextmanager
def _short_of_room(run: Refreshing) -> Iterator[None]:
    """Then it was ended by us, and whatever it says of that is no more than a consequence."""
    try:
        yield
    except LeaseLost:
        raise
    except FairleadError:
        if run.room.short:
            raise run.failed(run.room.short) from None
        raise


@contextmanager
def _translated(run: Refreshing, name: PhaseName) -> Iterator[None]:
    """What PostgreSQL says of rows quotes them: until these are masked only its code is told."""
    try:
        yield
    except psycopg.Error as error:
        if name in UNMASKED:
            raise run.failed(f"a server says no: {reason(error)}") from None
        said = first_line(error)
        raise run.failed(f"a server says no: {said}") from error


@contextmanager
def refreshing(
    project: Project, environment: str, asked: Asked, *, source: str = "", wait: float = 0
) -> Iterator[Refreshing]:
    """The refresh as a frame around its phases, under the environment's lease.

    Raises RefreshRefused, LeaseHeld, NotSettled, DatabaseUnreachable (recorded as refused), and
    whatever a phase raises.
    """
    settings = wanted(project, environment, source)
    config = project.config
    project.know_secrets(config, environment, strict=False)
    with ExitStack() as ways:
        try:
            held = ways.enter_context(
                hold(project.store, config.project, environment, ttl=config.lease_ttl, wait=wait)
            )
            settle(project, environment, held)
            target = ways.enter_context(way_to(project, environment))
            settle_left(project, environment, held)
            drop_left(project, environment, target)
            drop_old(project, environment, target, settings.keep_days)
            reads = ways.enter_context(way_of_source(project, environment))
        except FairleadError as refusal:
            if refusal.exit_code in SAID_NO:
                _begun(project, environment, settings, asked, "", str(refusal))
            raise
        row = _begun(project, environment, settings, asked, target)
        run = Refreshing(
            project=project,
            row=row,
            held=held,
            settings=settings,
            target=target,
            source=reads,
            deadline=time.monotonic() + settings.timeout,
            work=Work.of(config.project, row),
            room=Room(target, row.made, row.session),
        )
        with run.room.watched():
            yield from _running(run)


def wanted(project: Project, environment: str, source: str) -> RefreshSettings:
    """Raises UnknownEnvironment, RefreshRefused."""
    settings = project.config.environment(environment).refresh
    if settings is None:
        raise RefreshRefused(
            environment,
            "the config does not say with whose data",
            f"Say it: environments.{environment}.refresh",
        )
    if source and source != settings.source:
        project.config.environment(source)
        raise RefreshRefused(
            environment,
            f"it is refreshed from {settings.source}, not from {source}",
            f"Leave --from away, or change environments.{environment}.refresh.from",
        )
    return settings


def _begun(
    project: Project,
    environment: str,
    settings: RefreshSettings,
    asked: Asked,
    target: str,
    refused: str | None = None,
) -> Refresh:
    name, refreshes = project.config.project, project.store.refreshes
    fields = conninfo_to_dict(target) if target else {}
    database, stamp = str(fields.get("dbname") or ""), stamp_of(datetime.now(UTC))
    current = project.store.releases.current(name, environment)
    return refreshes.begin(
        name,
        environment,
        source=settings.source,
        reads=settings.read,
        release=current.id if current else None,
        database=database,
        made=made_name(database, stamp) if database else "",
        kept=kept_name(database, stamp) if database else "",
        requested_by=asked.requested_by,
        requested_via=asked.requested_via,
        request=asked.request,
        flow_run=asked.flow_run,
        refused=project.redact(refused) if refused else None,
    )


def _running(run: Refreshing) -> Iterator[Refreshing]:
    try:
        yield run
    except BaseException as failure:
        run.failure = run.failure or failure
        raise
    finally:
        run.work.remove()
        if not isinstance(run.failure, LeaseLost):  # who took the lease from us settles the rest
            _end(run)


def _end(run: Refreshing) -> None:
    """What cannot be taken away now is by the next refresh: the row stays unfinished then."""
    try:
        if not run.drop_made():
            return
    except psycopg.Error as error:
        if run.failure is None:
            raise
        run.failure.add_note(f"{run.row.made} is dropped by the next refresh: {error}")
        return
    refreshes, failure = run.project.store.refreshes, run.failure
    if failure is None:
        refreshes.end(run.row.id, RefreshState.REFRESHED)
        return
    with suppress(StoreUnreachable):  # its row is settled later; this is what to tell
        refreshes.end(run.row.id, run.outcome, run.project.redact(words(failure)))
