"""Production's data into a new database beside, to which only we can connect."""

import re
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

from psycopg import Connection, OperationalError
from psycopg.rows import DictRow

from fairlead.database.backup.beside import connected, create_like, elsewhere
from fairlead.database.backup.dump import bytes_in, disk_full
from fairlead.database.backup.manifest import DUMP
from fairlead.database.backup.process import Ended
from fairlead.database.backup.process import run as run_program
from fairlead.database.backup.prove import prove_files, read_manifest
from fairlead.database.masking.loading import loading
from fairlead.database.refresh.autovacuum import keep_off
from fairlead.database.refresh.dump import InTheWay, ReplicaEnded, compression, dump_command
from fairlead.database.refresh.dump import dump as run_dump
from fairlead.database.refresh.extensions import NotMade, make_extensions
from fairlead.database.refresh.rate import limited
from fairlead.database.refresh.restore import (
    Section,
    count_tenants,
    keep_contents,
    let_make,
    let_make_in_public,
    list_command,
    restore,
    restore_command,
    wanted,
)
from fairlead.model import PhaseName, size
from fairlead.refresh.frame import Refreshing
from fairlead.run import StepLog
from fairlead.saving import place_of
from fairlead.store.database import address, first_line

NOTHING: Mapping[str, str] = {}
SHOWN = 5  # lines of what a program said last
TABLE = re.compile(r'table "([^"]+)"')


def dump(run: Refreshing) -> None:
    """Production, or its newest proven backup, in a folder of ours.

    Raises RefreshRefused, RefreshFailed, BackupBroken, LeaseLost."""
    with run.phase(PhaseName.DUMP) as step:
        seen, backup = run.seen, run.seen.backup
        if backup is not None:
            run.note(dump_bytes=backup.bytes, source_bytes=backup.database_bytes)
            step.skip(f"in its place {backup.words}")
            return
        command = dump_command(
            seen.programs,
            run.work.dump,
            run.settings.jobs,
            compress=compression(seen.read.bytes, run.work.free),
            large_objects=seen.large_objects,
            selected=seen.selection.dump_options(seen.programs, run.work.folder),
        )
        step.say(f"pg_dump {seen.programs.major} of {seen.read.database}, {size(seen.read.bytes)}")
        with limited(run.source, run.settings.rate_mb) as way, _gives_way(run):
            ended = run_dump(command, way, run.row.session, deadline=run.deadline, tick=run.tick)
        _refuse(run, ended, run.work.dump)
        run.note(dump_bytes=bytes_in(run.work.dump), source_bytes=seen.read.bytes)
        step.detail = f"{size(run.figures['dump_bytes'])} of {size(seen.read.bytes)}"


@contextmanager
def _gives_way(run: Refreshing) -> Iterator[None]:
    source = run.row.source
    try:
        yield
    except InTheWay as error:
        raise run.failed(
            f"somebody waits for a lock that the dump of {source} has ({error}), and "
            f"{source} goes first"
        ) from error
    except ReplicaEnded as error:
        raise run.failed(
            f"the replica {address(run.source)} ended the dump, which read what {source} changed "
            "meanwhile; set hot_standby_feedback = on there, or max_standby_streaming_delay to "
            "what a dump takes"
        ) from error
    except OperationalError as error:
        raise run.failed(
            f"{source} at {address(run.source)} does not answer any more: {first_line(error)}"
        ) from error


def restore_rows(run: Refreshing) -> None:
    """The tables with their rows, most of them masked as they arrive, without keys and indexes:
    these are built on what is masked.

    Raises MaskingIncomplete, MaskingUnfit, MaskingFailed, RefreshFailed, BackupBroken, LeaseLost.
    """
    with run.phase(PhaseName.RESTORE) as step:
        _make(run, step)
        with _archive(run) as folder:
            run.selected = _selected(run, folder)
            _section(run, folder, "pre-data", step)
            with connected(run.made, run.row.session) as connection:
                run.kept_off = keep_off(connection)
            with loading(run.made, run.seen.masking, run.seen.key, run.seen.owner) as masks:
                _section(run, folder, "data", step, masks.settings)
            run.arrived = masks.tables
            keep_contents(folder, run.work.contents)
        with connected(run.made, run.row.session) as connection:
            removed = run.seen.selection.remove_rows(connection)
            run.note(tenants=count_tenants(connection))
        if removed:
            step.say(f"{removed} rows of tenants that are left out are removed")
        step.detail = f"into {run.row.made}, to which nobody else can connect"


def build_keys(run: Refreshing) -> None:
    """Keys, indexes, constraints and triggers, on what is masked: so they prove it.

    Raises RefreshFailed, LeaseLost."""
    with run.phase(PhaseName.BUILD_KEYS) as step:
        with ThreadPoolExecutor(1) as beside:  # nobody reads the dump any more, and it is large
            beside.submit(run.work.remove_rows)
            _section(run, run.work.contents, "post-data", step)
        run.work.remove()
        step.detail = "UNIQUE and FOREIGN KEY hold on what is masked"


def _make(run: Refreshing, step: StepLog) -> None:
    seen = run.seen
    run.beside = True
    run.room.grows()
    with elsewhere(run.target, run.row.session) as connection:
        create_like(connection, seen.old.database, run.row.made)
        let_make(connection, run.row.made, seen.owner)
    with connected(run.made, run.row.session) as connection:
        let_make_in_public(connection, seen.owner)
        _make_extensions(run, connection, step)


def _make_extensions(run: Refreshing, connection: Connection[DictRow], step: StepLog) -> None:
    try:
        made, behind = make_extensions(connection, run.seen.extensions, run.seen.owner)
    except NotMade as error:
        raise run.failed(
            f"{run.row.source} uses the extension {error}, which {run.seen.old.role} may not make: "
            f"it wants a superuser, or trusted = true in {error}.control on the server of "
            f"{run.environment}"
        ) from error
    run.without = [entry for one in made for entry in one.entries]
    run.without += [entry for one in behind for entry in one.own_entries]
    for one in behind:
        step.say(f"the extension {one.name} stays behind: nothing uses it, and it cannot be made")


@contextmanager
def _archive(run: Refreshing) -> Iterator[Path]:
    """The folder that pg_restore reads."""
    backup = run.seen.backup
    if backup is None:
        yield run.work.dump
        return
    place = place_of(run.project, run.row.source, backup.place, run.work.folder)
    with ExitStack() as fetched:
        try:
            folder = fetched.enter_context(place.fetched(backup.place))
        except OSError as error:
            raise run.failed(
                f"{backup.words} cannot be fetched to {run.work.folder}: {error.strerror}"
            ) from error
        manifest = read_manifest(folder, backup.manifest, backup.place)
        prove_files(folder, manifest, backup.place)
        yield folder / DUMP


def _selected(run: Refreshing, folder: Path) -> list[str]:
    run.work.have()
    command = list_command(run.seen.programs, folder)
    ended = run_program(command, environ={"LC_ALL": "C.UTF-8"}, deadline=run.deadline)
    _refuse(run, ended, folder)
    return run.seen.selection.restore_options(wanted(ended.output), run.work.folder, run.without)


def _section(
    run: Refreshing,
    folder: Path,
    section: Section,
    step: StepLog,
    settings: Mapping[str, str] = NOTHING,
) -> None:
    command = restore_command(
        run.seen.programs,
        folder,
        section,
        run.settings.jobs,
        selected=run.selected,
        database=run.row.made,
        role=run.seen.owner,
    )
    step.say(f"pg_restore of {section}")
    ended = restore(
        command,
        run.made,
        run.row.session,
        settings=settings,
        deadline=run.deadline,
        tick=run.tick,
    )
    _refuse(run, ended, None, masked=section != "data")


def _refuse(run: Refreshing, ended: Ended, folder: Path | None, *, masked: bool = True) -> None:
    """A program says in its own words only that a disk is full. What PostgreSQL says of rows quotes
    them: of that only the table is told, until they are `masked`."""
    if not ended.problem:
        return
    if ended.code is None:
        raise run.failed(f"{ended.program} did not end in time (refresh.timeout)")
    if folder is not None and disk_full(folder):
        raise run.failed(f"the disk of {folder.parent} is full")
    tables = sorted(set(TABLE.findall("\n".join(ended.tail))))
    said = ended.tail[-SHOWN:] if masked else tuple(f"in the table {name}" for name in tables)
    raise run.failed(ended.problem, said)
