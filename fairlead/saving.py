"""Saving the database of an environment, and what was saved of it: recorded, proven, kept a while.

Whoever saves holds the environment's lease: what is half-made there then is nobody's.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from fairlead.config import Config, Database
from fairlead.database.backup.beside import connected, drop, elsewhere
from fairlead.database.backup.bucket import SCHEME, BucketPlace
from fairlead.database.backup.estimate import expected
from fairlead.database.backup.folder import FolderPlace
from fairlead.database.backup.job import Job
from fairlead.database.backup.make import Place, address_of, clear, clear_server, make
from fairlead.database.backup.programs import programs_for
from fairlead.database.backup.retention import to_remove
from fairlead.database.backup.source import Source, check_locks, check_may_create, look_at
from fairlead.database.reach import url_of
from fairlead.database.written import written
from fairlead.errors import CannotSave, DatabaseUnreachable, FairleadError, StoreUnreachable
from fairlead.model import Backup, BackupKind, BackupState, Release
from fairlead.project import Project
from fairlead.redact import blank
from fairlead.run import words
from fairlead.store.database import address, first_line
from fairlead.store.embedded import home

Say = Callable[[str], object]
DIED = "the process that made it died"


def saves(config: Config, environment: str) -> str | None:
    """Why nothing is to be saved there; None where something is."""
    settings = config.environment(environment)
    if settings.database is None:
        return "there is no database"
    if settings.backup.kind == "none":
        return f'backup.kind of {environment} is "none": the database is not saved'
    return None


def save(
    project: Project, environment: str, *, made_by: str, say: Say, release: Release | None = None
) -> Backup:
    """Make a backup, prove it, record it; then remove those whose time is over.

    Raises CannotSave, BackupFailed, BackupBroken, DatabaseUnreachable, SecretMissing.
    """
    config = project.config.environment(environment)
    with way_to(project, environment) as conninfo:
        clear_left(project, environment, conninfo, say)
        source = looked(environment, conninfo)
        _check_restorable(project, environment, source)
        with translated(environment, conninfo):
            counted = written(conninfo)
        backup = project.store.backups.begin(
            project.config.project,
            environment,
            kind=BackupKind(config.backup.kind),
            release=release.id if release else None,
            made_by=made_by,
            database=source.database,
            system=source.system,
            server=source.server,
            database_bytes=source.bytes,
            written=counted.as_json(),
        )
        try:
            made = _made(project, backup, source, conninfo, say)
        except BaseException as failure:
            blank(failure, project.redact)
            with suppress(StoreUnreachable):  # it is found half-made then; this is what to tell
                project.store.backups.failed(backup.id, project.redact(words(failure)))
            raise
        _clear_old(project, environment, conninfo, say)
    return made


def check_backup(project: Project, environment: str) -> str:
    """What would be made, where to; nothing is written. Raises CannotSave and others."""
    settings = project.config.environment(environment).backup
    if settings.kind == "none":
        return "none is made"
    with way_to(project, environment) as conninfo:
        source = looked(environment, conninfo)
    _check_restorable(project, environment, source)
    if settings.kind != "dump":
        return f"{settings.kind} of {source.database}"
    programs = programs_for(environment, source.major, settings.programs)
    check_locks(environment, source)
    last = _last(project, environment, BackupKind.DUMP)
    whole = expected(source.bytes, source.data_bytes, last)
    where = place_of(project, environment).address("")
    return f"pg_dump {programs.major} of {source.database} to {where}, {whole.words}"


def _check_restorable(project: Project, environment: str, source: Source) -> None:
    if project.config.environment(environment).on_failure == "restore":
        check_may_create(environment, source)


def _made(project: Project, backup: Backup, source: Source, conninfo: str, say: Say) -> Backup:
    environment, backups = backup.environment, project.store.backups
    settings = project.config.environment(environment).backup
    place = partial(place_of, project, environment)
    backup = backups.goes_to(backup.id, address_of(backup, place))
    last = _last(project, environment, backup.kind)
    job = Job(
        environment=environment,
        settings=settings,
        conninfo=conninfo,
        source=source,
        backup=backup,
        expected=expected(source.bytes, source.data_bytes, last),
        deadline=time.monotonic() + settings.timeout,
        environ=os.environ,
        name=session_name(backup),
        about=_about(backup),
        say=say,
    )
    with translated(environment, conninfo):
        made = make(job, place)
    return backups.proven(
        backup.id,
        place=project.redact(made.place),
        bytes=made.bytes,
        manifest=made.manifest,
        drilled=made.drilled,
    )


def _about(backup: Backup) -> dict[str, object]:
    return {
        "project": backup.project,
        "environment": backup.environment,
        "backup": backup.id,
        "release": backup.release,
        "made_by": backup.made_by,
        "began": backup.started_at.isoformat(),
    }


def _last(project: Project, environment: str, kind: BackupKind) -> Backup | None:
    """The last good one."""
    known = project.store.backups.all(project.config.project, environment)
    good = (BackupState.PROVEN, BackupState.REMOVED)
    return next((one for one in known if one.kind is kind and one.state in good), None)


def session_name(backup: Backup) -> str:
    """What the server calls our sessions of it: another store's have another one."""
    return f"fairlead backup {backup.stamp} {backup.id}"


# -- the way to the database and to what was saved ---------------------------------------------


@contextmanager
def way_to(project: Project, environment: str) -> Iterator[str]:
    """A conninfo of the environment's database. Raises CannotSave, DatabaseUnreachable."""
    database = project.config.environment(environment).database
    if database is None:
        raise CannotSave(
            environment,
            "the config names none",
            f"Name it: environments.{environment}.database",
        )
    same_name(project, environment, database)
    with project.database(environment) as conninfo:
        yield conninfo


def same_name(project: Project, environment: str, database: Database) -> None:
    """The database that is saved has to be the one that the containers migrate."""
    if database.direct_url is None:
        return
    ours, theirs = (
        conninfo_to_dict(url_of(project.secrets.resolve(reference))).get("dbname")
        for reference in (database.direct_url, database.url)
    )
    if ours != theirs:
        raise CannotSave(
            environment,
            f'direct_url leads to the database "{ours}", and the containers use "{theirs}"',
            f"Have both name the same one: environments.{environment}.database",
        )


def looked(environment: str, conninfo: str) -> Source:
    with translated(environment, conninfo), connected(conninfo, "fairlead") as connection:
        return look_at(connection)


@contextmanager
def translated(environment: str, conninfo: str) -> Iterator[None]:
    """Of psycopg's errors: raises DatabaseUnreachable, or CannotSave where the server says no."""
    try:
        yield
    except psycopg.OperationalError as error:
        raise DatabaseUnreachable(environment, address(conninfo), first_line(error)) from error
    except psycopg.Error as error:
        raise CannotSave(
            environment,
            f"the server says no: {first_line(error)}",
            f"Give the role of environments.{environment}.database the right to do it.",
        ) from error


def place_of(
    project: Project, environment: str, where: str | None = None, work: Path | None = None
) -> Place:
    """That of the config, or the one of a backup that is at `where`. What comes from a bucket is
    in `work` meanwhile, where that is given.

    Raises SecretMissing, CannotSave.
    """
    settings = project.config.environment(environment).backup
    own = home() / "backups"
    kept = where or settings.place or str(own)
    if not kept.startswith(SCHEME):
        return FolderPlace(environment, kept)
    keys = None
    if settings.access_key and settings.secret_key:
        keys = (
            project.secrets.resolve(settings.access_key),
            project.secrets.resolve(settings.secret_key),
        )
    return BucketPlace(environment, settings, keys, work or own / "work")


# -- what is there no more ---------------------------------------------------------------------


def clear_left(project: Project, environment: str, conninfo: str, say: Say) -> None:
    """What a dead process has half-made goes, and its row says so; so do the databases that one
    that failed could not take away, because their server was away itself. Raises CannotSave."""
    for backup in _left(project, environment):
        name = session_name(backup)
        with translated(environment, conninfo):
            if backup.state is BackupState.FAILED:
                clear_server(backup, conninfo, name)
                continue
            clear(backup, conninfo, partial(place_of, project, environment, backup.place), name)
        project.store.backups.failed(backup.id, f"{DIED}; what it had half-made is removed")
        say(f"backup {backup.id} was left half-made: {DIED}; it is removed")


def _left(project: Project, environment: str) -> list[Backup]:
    """Those that may have left something. Who saves clears first, so of the failed ones it is the
    last at most."""
    known = project.store.backups.all(project.config.project, environment)
    failed = [backup for backup in known[:1] if backup.state is BackupState.FAILED]
    return failed + [backup for backup in known if backup.state is BackupState.RUNNING]


def clear_left_of(project: Project, environment: str, say: Say) -> None:
    """The same where nothing is saved: its pg_dump may still hold locks that a migration wants."""
    if _left(project, environment):
        with way_to(project, environment) as conninfo:
            clear_left(project, environment, conninfo, say)


def _clear_old(project: Project, environment: str, conninfo: str, say: Say) -> None:
    """What fails of it is said, and fails nothing: the new one is there."""
    config, settings = project.config, project.config.environment(environment).backup
    old = to_remove(
        project.store.backups.all(config.project, environment),
        keep=settings.keep,
        keep_days=settings.keep_days,
        needed=project.store.releases.kept(config.project, environment, config.keep_releases),
        now=datetime.now(UTC),
    )
    for backup in old:
        try:
            with translated(environment, conninfo):
                _remove(project, backup, conninfo)
        except FairleadError as error:
            say(f"backup {backup.id} could not be removed: {error.message}")
            continue
        project.store.backups.removed(backup.id)
        say(f"backup {backup.id} of {backup.started_at:%Y-%m-%d} is removed: its time is over")


def _remove(project: Project, backup: Backup, conninfo: str) -> None:
    if backup.kind is BackupKind.TEMPLATE:
        with elsewhere(conninfo, "fairlead") as connection:
            drop(connection, backup.place)
    else:
        place_of(project, backup.environment, backup.place).remove(backup.place)
