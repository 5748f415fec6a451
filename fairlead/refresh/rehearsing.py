"""The next release, tried on tonight's data: on a copy of the new database, before that is swapped.

What is next is what runs in the environment that this one promotes from. Nothing that goes wrong
here fails the refresh: it is what the rehearsal is for.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.asking import ask
from fairlead.database.backup.beside import drop, elsewhere
from fairlead.database.backup.swap import belongings, give
from fairlead.database.migrate import migrate
from fairlead.database.presets import Choice
from fairlead.database.refresh.aim import aimed
from fairlead.database.refresh.names import rehearsed_name
from fairlead.database.refresh.rehearsal import Rehearsal, Stopwatch
from fairlead.database.refresh.room import MARGIN, disk_of
from fairlead.database.tenants.fast import Watch
from fairlead.engine.site import Site
from fairlead.engine.target import Target
from fairlead.errors import FailedWithLog, FairleadError, LeaseLost, StepFailed
from fairlead.model import PhaseName, digests, size
from fairlead.project import Project
from fairlead.refresh.frame import Refreshing

SIZE = "select pg_database_size(%s) as bytes"
FILE_COPY = 150_000  # since this version a copy can do without the write-ahead log
TAIL = 10  # lines


class NotTried(Exception):
    """`str()` says why."""


def rehearse_next(run: Refreshing) -> None:
    """Raises LeaseLost."""
    with run.phase(PhaseName.REHEARSE) as step:
        found = rehearse(run, step.say)
        if found is None:
            step.skip("nothing is ahead")
            return
        run.note(rehearsal=found.as_json())
        step.detail = found.words


def rehearse(run: Refreshing, say: Callable[[str], None]) -> Rehearsal | None:
    """None where nothing is ahead. The copy is gone afterwards, whatever happened; what a kill
    leaves of it, the next refresh drops. Raises LeaseLost."""
    ahead = _ahead(run.project, run.environment)
    if ahead is None:
        return None
    environment, target = ahead
    result = Rehearsal(environment=environment, sha=target.sha)
    try:
        return _tried(run, target, result, say)
    except LeaseLost:
        raise
    except (NotTried, FairleadError, psycopg.Error) as error:
        said = error.summary if isinstance(error, FairleadError) else str(error)
        return replace(result, failure=run.project.redact(said.strip()))


def _ahead(project: Project, environment: str) -> tuple[str, Target] | None:
    """Where it runs already, and what it would be here: its images, with the config of today."""
    config, releases = project.config, project.store.releases
    source = config.environment(environment).promotes_from
    running = releases.current(config.project, source) if source else None
    here = releases.current(config.project, environment)
    if source is None or running is None or here is None:
        return None
    images = project.store.ledger.images(running.id)
    if digests(images) == digests(project.store.ledger.images(here.id)):
        return None
    secrets = project.secrets.of_environment(config, environment, strict=False)
    by_service = {image.service: image for image in images}
    return source, Target(config, environment, running.sha, 0, by_service, secrets)


def _tried(
    run: Refreshing, target: Target, result: Rehearsal, say: Callable[[str], None]
) -> Rehearsal:
    with run.project.open_sites(target.config, run.environment) as (site, *_):
        site.pull([target.images[target.config.migration_service]])
        site.have_network()
        asked = ask(site, _led(run, target, run.row.made), say)
        choice, found = asked.choice, asked.pending
        if not choice.commands or (found is not None and not found.anything):
            return replace(result, seconds=0.0)
        # Of a project with tenants each migration is applied many times.
        ahead = list(map(str, found.migrations)) if found and not found.tenants else []
        with _copy(run) as copy:
            run.held.guard()
            return _timed(run, site, _led(run, target, copy), choice, result, say, ahead)


def _timed(
    run: Refreshing,
    site: Site,
    target: Target,
    choice: Choice,
    result: Rehearsal,
    say: Callable[[str], None],
    ahead: Sequence[str],
) -> Rehearsal:
    clock, redact = Stopwatch(ahead), run.project.redact

    def hear(line: str) -> None:
        clock.hear(line)
        say(line)
        run.tick()

    failure, tail = "", list[str]()
    try:
        migrate(site, target, choice, Watch(hear, keep=clock.keep))
    except StepFailed as error:
        failure, *tail = error.summary.splitlines()
        tail += error.tail[-TAIL:] if isinstance(error, FailedWithLog) else ()
    return replace(
        result,
        seconds=round(clock.seconds, 3),
        migrations=clock.migrations,
        tenants=clock.tenants,
        failure=redact(failure),
        at=clock.at if failure else "",
        tail=[redact(line) for line in tail],
    )


def _led(run: Refreshing, target: Target, database: str) -> Target:
    found = aimed(target, target.config.migration_service, run.row.database, database)
    if found is None:
        raise NotTried(f'no variable of its containers names the database "{run.row.database}"')
    return found


@contextmanager
def _copy(run: Refreshing) -> Iterator[str]:
    """A copy of the new database, made by its server, for those who may connect to the old one."""
    name = rehearsed_name(run.row.database, run.row.made)
    try:
        with elsewhere(run.target, run.row.session) as connection:
            _check_room(connection, run.row.made)
            connection.execute(_copying(connection, run.row.made, name))
            give(connection, name, belongings(connection, run.row.database))
        yield name
    finally:
        with elsewhere(run.target, run.row.session) as connection:
            drop(connection, name)


def _copying(connection: Connection[DictRow], database: str, name: str) -> sql.Composed:
    """https://www.postgresql.org/docs/current/sql-createdatabase.html"""
    quick = connection.info.server_version >= FILE_COPY
    return sql.SQL("create database {} template {}{}").format(
        sql.Identifier(name),
        sql.Identifier(database),
        sql.SQL(" strategy file_copy" if quick else ""),
    )


def _check_room(connection: Connection[DictRow], database: str) -> None:
    row = connection.execute(SIZE, (database,)).fetchone()
    disk = disk_of(connection, database)
    assert row is not None
    if disk is not None and disk.spare < row["bytes"] * MARGIN:
        raise NotTried(
            f"a copy takes about {size(row['bytes'])}, and the disk of the server has "
            f"{size(disk.free)} free"
        )
