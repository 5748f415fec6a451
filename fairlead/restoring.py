"""Putting a backup in the place of an environment's database: restored beside, checked, swapped."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow

from fairlead.database.backup.beside import (
    at,
    connected,
    create_like,
    drop,
    elsewhere,
    fitted,
    stamp_of,
)
from fairlead.database.backup.drill import restore_command
from fairlead.database.backup.fetched import clear_fetched, fetched_of
from fairlead.database.backup.holdings import count_rows, holding
from fairlead.database.backup.manifest import DUMP, Manifest
from fairlead.database.backup.process import libpq_environ, run
from fairlead.database.backup.programs import programs_for
from fairlead.database.backup.prove import (
    Proof,
    prove_decodes,
    prove_files,
    read_manifest,
    refuse,
)
from fairlead.database.backup.source import Source
from fairlead.database.backup.swap import allow_connections, swap
from fairlead.database.written import Written, in_words, written
from fairlead.errors import RestoreFailed, RestoreRefused, UnknownBackup
from fairlead.lease import Held, hold
from fairlead.model import Backup, BackupKind, BackupState, Release, ReleaseKind, Step, StepName
from fairlead.project import Project
from fairlead.recovery import unsettled
from fairlead.saving import Say, clear_left, looked, place_of, way_to

NAME = "fairlead restore"
LEFT = r"""
select datname as name from pg_database where starts_with(datname, %(prefix)s)
  and substr(datname, length(%(prefix)s) + 1) ~ '^\d{8}T\d{9}$'
"""
Agree = Callable[[Sequence[str]], object]  # is told what would be lost, and raises to say no


def restore(
    project: Project,
    environment: str,
    number: int,
    *,
    made_by: str,
    say: Say,
    agree: Agree,
    force: bool = False,
) -> str:
    """The name under which the database that was there is kept.

    Raises UnknownBackup, RestoreRefused, RestoreFailed, BackupBroken, LeaseHeld.
    """
    backup = _known(project, environment, number)
    config = project.config
    with hold(project.store, config.project, environment, ttl=config.lease_ttl) as held:
        if release := unsettled(project, environment):
            raise RestoreRefused(
                environment,
                number,
                f"release {release.id} is not over",
                f"Wait for it, or: fairlead settle {environment}",
            )
        return put_in_place(
            project, backup, held, made_by=made_by, say=say, agree=agree, force=force
        )


def put_in_place(
    project: Project,
    backup: Backup,
    held: Held,
    *,
    made_by: str,
    say: Say,
    agree: Agree = lambda _: None,
    force: bool = False,
) -> str:
    """As `restore`, for whoever holds the lease of the environment."""
    environment = backup.environment
    with way_to(project, environment) as conninfo:
        _open_again(environment, backup, conninfo)
        clear_left(project, environment, conninfo, say)
        source = looked(environment, conninfo)
        stamp = stamp_of(datetime.now(UTC))
        kept, new = (fitted(source.database, f"_{what}_{stamp}") for what in ("before", "restored"))
        with _translated(environment, backup):
            loses = list(lost(project, backup, source, written(conninfo), kept))
        if not force:
            _check_same(environment, backup, source)
            _check_unserved(project, backup, loses)
        agree(loses)
        restoring = _Restoring(project, backup, source, conninfo, new, say)
        with _translated(environment, backup), restoring.beside():
            held.guard()
            with elsewhere(conninfo, NAME) as connection:
                swap(connection, conninfo, old=source.database, new=new, kept=kept)
    project.store.backups.restored(backup, made_by=made_by, kept=kept, forced=force)
    return kept


def lost(
    project: Project, backup: Backup, source: Source, now: Written, kept: str
) -> Iterator[str]:
    """What is in the database now and not in the backup, a line each."""
    since = f"{backup.started_at:%Y-%m-%d %H:%M:%S %Z}"
    yield f"{source.database} becomes what it was at {since}"
    yield f"what was written since is in {kept} only, which is kept: {_rows(backup, now)}"
    for release, steps in _since(project, backup):
        for step in steps:
            if step.name is StepName.MIGRATE and step.detail:
                yield f"release {release.id} ({release.sha[:7]}) migrated it: {step.detail}"
        if _served(steps):
            yield f"release {release.id} ({release.sha[:7]}) has served requests since"
    yield "every connection to it is ended once"


def _rows(backup: Backup, now: Written) -> str:
    counts = Written(**backup.written).until(now) if backup.written else None
    if counts is None:
        return "how much cannot be told"
    return f"rows of {in_words(counts)}" if counts else "no row, as far as the server has counted"


def _since(project: Project, backup: Backup) -> Iterator[tuple[Release, Sequence[Step]]]:
    """The releases whose migrations it does not have, the newest first, and their steps."""
    releases = project.store.releases.history(backup.project, backup.environment, 100)
    for release in releases:
        if release.started_at > backup.started_at or release.id == backup.release:
            yield release, project.store.steps.of(release.id)


def _served(steps: Sequence[Step]) -> bool:
    """Whether requests were sent to it; where its process died meanwhile, they may have been."""
    deploys = [step for step in steps if step.name is StepName.DEPLOY]
    return any(step.outcome is None or step.detail for step in deploys)


def _check_unserved(project: Project, backup: Backup, loses: Sequence[str]) -> None:
    """What a newer version has written into its own tables would be lost with them."""
    for release, steps in _since(project, backup):
        if release.kind is not ReleaseKind.ROLLBACK and _served(steps):
            raise RestoreRefused(
                backup.environment,
                backup.id,
                f"{release.sha[:7]}, which is newer, has served requests. Restored,\n"
                + "\n".join(f"  {line}" for line in loses),
                "If that is meant: --force",
            )


def _known(project: Project, environment: str, number: int) -> Backup:
    project.config.environment(environment)
    backup = project.store.backups.get(project.config.project, environment, number)
    if backup is None:
        raise UnknownBackup(environment, number)
    if backup.state is not BackupState.PROVEN:
        why = f"it is {backup.state}" + (f": {backup.error}" if backup.error else "")
        raise RestoreRefused(environment, number, why, f"Others: fairlead backups {environment}")
    if backup.kind is BackupKind.COMMAND:
        raise RestoreRefused(
            environment,
            number,
            f"a command made it, and calls it {backup.place}",
            "Restore it with the tools of who keeps it.",
        )
    return backup


def _check_same(environment: str, backup: Backup, source: Source) -> None:
    if backup.database != source.database or backup.system != source.system:
        raise RestoreRefused(
            environment,
            backup.id,
            f'it is of the database "{backup.database}" on server {backup.system}, and that of '
            f'{environment} is "{source.database}" on server {source.system}',
            "If that is meant: --force",
        )


def _open_again(environment: str, backup: Backup, conninfo: str) -> None:
    """A swap that died in the middle has left the database closed to connections."""
    fields = conninfo_to_dict(conninfo)
    database = fields.get("dbname") or fields.get("user")
    with _translated(environment, backup), elsewhere(conninfo, NAME) as connection:
        closed = connection.execute(
            "select from pg_database where datname = %s and not datallowconn", (database,)
        ).fetchone()
        if closed is not None:
            allow_connections(connection, str(database), allow=True)


@contextmanager
def _translated(environment: str, backup: Backup) -> Iterator[None]:
    try:
        yield
    except psycopg.Error as error:
        said = tuple(str(error).strip().splitlines()) or (type(error).__name__,)
        raise RestoreFailed(environment, backup.id, "the server says no", said) from error


class _Restoring:
    """One backup on its way into a database beside that is called `new`."""

    def __init__(
        self,
        project: Project,
        backup: Backup,
        source: Source,
        conninfo: str,
        new: str,
        say: Say,
    ) -> None:
        self._project, self._backup, self._source = project, backup, source
        self._conninfo, self._new, self._say = conninfo, new, say
        self._settings = project.config.environment(backup.environment).backup
        self._deadline = time.monotonic() + self._settings.timeout

    @contextmanager
    def beside(self) -> Iterator[None]:
        """It is there as long as the block runs, and after it only where that ends well."""
        with elsewhere(self._conninfo, NAME) as connection:
            self._clear_left(connection)
            try:
                self._make(connection)
                yield
            except BaseException:
                drop(connection, self._new)
                raise

    def _clear_left(self, connection: Connection[DictRow]) -> None:
        """Whoever holds the lease is the only one who restores here: others have died."""
        if done := clear_fetched(self._backup.project, self._backup.environment):
            self._say(done)
        prefix = self._new[: -len(stamp_of(datetime.now(UTC)))]
        for row in connection.execute(LEFT, {"prefix": prefix}).fetchall():
            drop(connection, row["name"])
            self._say(f"{row['name']} was left by a restore that died; it is removed")

    def _make(self, connection: Connection[DictRow]) -> None:
        self._say(f"restoring into {self._new}")
        if self._backup.kind is BackupKind.TEMPLATE:
            connection.execute(
                sql.SQL("create database {} template {}").format(
                    sql.Identifier(self._new), sql.Identifier(self._backup.place)
                )
            )
            return
        environment = self._backup.environment
        work = fetched_of(self._backup.project, environment)
        place = place_of(self._project, environment, self._backup.place, work)
        with place.fetched(self._backup.place) as folder:
            programs = programs_for(environment, self._source.major, self._settings.programs)
            manifest = read_manifest(folder, self._backup.manifest, self._backup.place)
            prove_files(folder, manifest, self._backup.place)
            prove_decodes(programs, folder, Proof(self._backup.place, self._deadline))
            self._say("it is whole: every file is as it was written, and all of it decodes")
            create_like(connection, self._source.database, self._new)
            command = restore_command(programs, folder / DUMP, self._settings.jobs, self._new)
            self._run(command)
        self._check(manifest)

    def _run(self, command: Sequence[str]) -> None:
        own = at(self._conninfo, self._new)
        environ = libpq_environ(own, name=NAME, inherited=os.environ)
        ended = run(command, environ=environ, deadline=self._deadline)
        if ended.problem:
            environment, number = self._backup.environment, self._backup.id
            raise RestoreFailed(environment, number, ended.problem, ended.tail)

    def _check(self, manifest: Manifest) -> None:
        """It holds what was saved; and the planner knows it before anybody asks."""
        with connected(at(self._conninfo, self._new), NAME) as there:
            with there.transaction():
                held = holding(there, self._new)
            rows = count_rows(there, held.names, None) if manifest.rows is not None else {}
            there.execute("analyze")
        wrong = [
            f"restored it holds {held.counts.get(what)} {what}, not {count}"
            for what, count in manifest.holds.items()
            if held.counts.get(what) != count
        ]
        wrong += [
            f"restored, {name} has {rows.get(name)} rows, not {count}"
            for name, count in (manifest.rows or {}).items()
            if rows.get(name) != count
        ]
        refuse(self._backup.place, wrong)
        self._say("it holds all that was saved")
