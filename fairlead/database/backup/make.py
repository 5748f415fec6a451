"""One backup of the kind that the config asks for, made and proven."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from fairlead.database.backup.beside import drop, elsewhere
from fairlead.database.backup.command import make_by_command
from fairlead.database.backup.drill import scratch_name
from fairlead.database.backup.dump import make_dump
from fairlead.database.backup.job import Job, Made
from fairlead.database.backup.programs import programs_for
from fairlead.database.backup.source import check_locks
from fairlead.database.backup.template import copy_name, make_template
from fairlead.errors import FairleadError
from fairlead.model import Backup, BackupKind


class Place(Protocol):
    """Where dumps are kept. `place` is the whole address of one of them."""

    def address(self, name: str) -> str: ...
    def begin(self, place: str, room: int) -> Path: ...
    def finish(self, folder: Path, place: str) -> None: ...
    def fetched(self, place: str) -> AbstractContextManager[Path]: ...
    def remove(self, place: str) -> None: ...


PlaceOf = Callable[[], Place]


def address_of(backup: Backup, place: PlaceOf) -> str:
    """Where it will be; empty where only a command knows that."""
    if backup.kind is BackupKind.COMMAND:
        return ""
    if backup.kind is BackupKind.TEMPLATE:
        return copy_name(backup)
    name = f"{backup.stamp}Z-{backup.id}"
    return place().address(f"{backup.project}/{backup.environment}/{name}")


def make(job: Job, place: PlaceOf) -> Made:
    """Raises CannotSave, BackupFailed, BackupBroken; what was half-made is removed then."""
    if job.backup.kind is BackupKind.COMMAND:
        return make_by_command(job)
    if job.backup.kind is BackupKind.TEMPLATE:
        return make_template(job)
    return _dumped(job, place())


def _dumped(job: Job, place: Place) -> Made:
    programs = programs_for(job.environment, job.source.major, job.settings.programs)
    check_locks(job.environment, job.source)
    folder = place.begin(job.backup.place, job.expected.room)
    try:
        job.say(
            f"pg_dump {programs.major} of {job.source.database} ({job.source.server}), "
            f"{job.expected.words}"
        )
        manifest, own = make_dump(job, programs, folder)
        place.finish(folder, job.backup.place)
    except BaseException as failure:
        _remove(place, job, failure)
        raise
    return Made(job.backup.place, manifest.bytes, own, drilled=job.settings.drill)


def _remove(place: Place, job: Job, failure: BaseException) -> None:
    try:
        place.remove(job.backup.place)
    except FairleadError as error:
        failure.add_note(str(error))
        job.say(f"what was half-made could not be removed: {error.message}")


def clear(backup: Backup, conninfo: str, place: PlaceOf, name: str) -> None:
    """What one whose process died has left: its sessions, its databases, its files.

    Raises CannotSave.
    """
    clear_server(backup, conninfo, name)
    if backup.kind is BackupKind.DUMP and backup.place:
        place().remove(backup.place)


def clear_server(backup: Backup, conninfo: str, name: str) -> None:
    """What one that did not succeed has left at the database's server."""
    with elsewhere(conninfo, "fairlead") as connection:
        connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity where application_name = %s "
            "and pid <> pg_backend_pid()",
            (name,),
        )
        drop(connection, scratch_name(backup))
        if backup.kind is BackupKind.TEMPLATE and backup.place:
            drop(connection, backup.place)
