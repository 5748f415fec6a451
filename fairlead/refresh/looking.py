"""The first phase: both databases are who they should be, and nothing that can be known before
stands in the way. Nothing is changed, and of production only the catalog is read."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from psycopg import Connection, Error
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import LockNotAvailable
from psycopg.rows import DictRow

from fairlead.config import RefreshSettings
from fairlead.database.backup.beside import connected, stamp_of
from fairlead.database.backup.bucket import SCHEME
from fairlead.database.backup.estimate import expected
from fairlead.database.backup.programs import Programs, programs_for
from fairlead.database.backup.source import Source, locks_to_set, look_at
from fairlead.database.backup.swap import check_may_carry_over
from fairlead.database.masking.catalog import read_catalog
from fairlead.database.masking.complete import complete
from fairlead.database.masking.reading import reading
from fairlead.database.masking.statements import plans_of, written_again
from fairlead.database.refresh.aim import aimed
from fairlead.database.refresh.carry import check_carry
from fairlead.database.refresh.extensions import Extension, extensions_of
from fairlead.database.refresh.identity import Identity, check_pair, identify
from fairlead.database.refresh.names import made_name
from fairlead.database.refresh.restore import owner_of
from fairlead.database.refresh.room import disk_of, largest_of, needed
from fairlead.database.refresh.selection import select
from fairlead.engine.target import Target
from fairlead.errors import RefreshRefused
from fairlead.model import Backup, BackupKind, BackupState, PhaseName, Release, size
from fairlead.project import Project
from fairlead.promotion import not_well
from fairlead.refresh.carrying import own_of
from fairlead.refresh.frame import QUERY, Looked, Refreshing, wanted
from fairlead.refresh.left import NAME
from fairlead.refresh.room import words_of as words_of_disk
from fairlead.refresh.ways import way_of_source
from fairlead.saving import place_of, way_to
from fairlead.store.database import address, first_line


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """What is looked at: `target` leads to the database of `environment`, `source` to the one that
    is read; `made` is what the new one will be called."""

    project: Project
    environment: str
    settings: RefreshSettings
    target: str
    source: str
    made: str
    say: Callable[[str], None]

    @property
    def database(self) -> str:
        return str(conninfo_to_dict(self.target).get("dbname"))


def look(run: Refreshing) -> None:
    """Raises RefreshRefused, WrongDatabase, NotReadOnly, MaskingIncomplete, MaskingUnfit,
    SelectionUnfit, CarryUnfit, DatabaseUnreachable, SecretMissing, CannotSave."""
    with run.phase(PhaseName.LOOK) as step:
        pair = Pair(
            project=run.project,
            environment=run.environment,
            settings=run.settings,
            target=run.target,
            source=run.source,
            made=run.row.made,
            say=step.say,
        )
        run.looked = seen = look_at_both(pair)
        if seen.backup is not None:
            run.project.store.refreshes.reads_backup(run.row.id, seen.backup.id)
        if seen.backup is None:
            run.work.begin(expected(seen.read.bytes, seen.read.data_bytes, None).room)
        elif seen.backup.place.startswith(SCHEME):
            run.work.begin(seen.backup.bytes or 0)
        step.detail = words_of(pair, seen)


def check_refresh(project: Project, environment: str) -> str:
    """What would be read; nothing is written. Raises as `look` does."""
    settings = wanted(project, environment, "")
    if project.store.releases.current(project.config.project, environment) is None:
        return f"not before something is released to {environment}"
    with way_to(project, environment) as target, way_of_source(project, environment) as source:
        pair = Pair(
            project=project,
            environment=environment,
            settings=settings,
            target=target,
            source=source,
            made=made_name(
                str(conninfo_to_dict(target).get("dbname")), stamp_of(datetime.now(UTC))
            ),
            say=lambda _: None,
        )
        return words_of(pair, look_at_both(pair))


def words_of(pair: Pair, seen: Looked) -> str:
    read = seen.read
    what = f"{pair.settings.source} is only read: {size(read.bytes)}, {read.server}"
    return f"{what}; in its place {seen.backup.words}" if seen.backup else what


def look_at_both(pair: Pair) -> Looked:
    masking, settings = pair.project.config.masking, pair.settings
    assert masking is not None, "the config is refused without"
    key = pair.project.secrets.resolve(masking.key)
    current = _current(pair)
    deployed, unwell = pair.project.target_of(current), not_well(pair.project, current)
    if unwell:
        pair.say(f"what is deployed cannot say whether it is well with the new data: {unwell}")
    with (
        _not_waiting(pair),
        connected(pair.target, NAME, QUERY) as here,
        reading(settings.source, pair.source, timeout=QUERY) as there,
    ):
        old, read = look_at(here), look_at(there)
        identity = _identified(pair, here, there)
        owner = _owner(pair, here, old)
        check_carry(pair.target, own_of(pair.environment, settings))
        catalog = read_catalog(there)
        matched = complete(there, catalog, masking.rules)
        selection = select(
            there,
            settings.source,
            leave_out=settings.leave_out,
            tenants=settings.tenants,
            carry_tenants=settings.carry_tenants,
        )
        extensions = _extensions(pair, here, there)
        programs = _programs(pair, read, old)
        twice = largest_of(there, written_again(plans_of(catalog, matched)))
        _check_room(pair, here, needed(read.bytes, twice))
    backup = _newest_backup(pair) if settings.read == "backup" else None
    if backup is None:
        _check_locks(pair, read)
    return Looked(
        read=read,
        old=old,
        identity=identity,
        programs=programs,
        backup=backup,
        deployed=deployed,
        unwell=unwell,
        beside=_beside(pair, deployed),
        owner=owner,
        masking=masking,
        key=key,
        selection=selection,
        extensions=extensions,
        large_objects=matched.large_objects is not None and matched.large_objects.way == "keep",
    )


@contextmanager
def _not_waiting(pair: Pair) -> Iterator[None]:
    """Only in production do we limit how long we wait for a lock."""
    try:
        yield
    except LockNotAvailable as error:
        raise RefreshRefused(
            pair.environment,
            f"somebody keeps a table of {pair.settings.source} locked, and we do not wait for it",
            "Refresh again when that is over.",
        ) from error


def _identified(pair: Pair, here: Connection[DictRow], there: Connection[DictRow]) -> Identity:
    source = pair.settings.source
    identity = identify(here, pair.environment, address(pair.target))
    check_pair(
        pair.project.config.project,
        identify(there, source, address(pair.source)),
        identity,
        productions=list(_productions(pair)),
    )
    _check_store(pair, identity)
    pair.say(f"{source} is only read, and {pair.environment} is marked as {identity.mark}")
    return identity


def _current(pair: Pair) -> Release:
    current = pair.project.store.releases.current(pair.project.config.project, pair.environment)
    if current is None:
        raise RefreshRefused(
            pair.environment,
            "nothing was ever released to it, and its own code has to migrate the data",
            f"Release first: fairlead release {pair.environment} SHA",
        )
    return current


def _beside(pair: Pair, deployed: Target) -> Target:
    """What is deployed, led to the new database."""
    service = deployed.config.migration_service
    found = aimed(deployed, service, pair.database, pair.made)
    if found is None:
        raise RefreshRefused(
            pair.environment,
            f'no variable of the service {service} names the database "{pair.database}", so that '
            "its containers cannot be led to the new one",
            f'Have it take DATABASE_URL: services.{service}.secrets = ["DATABASE_URL"]',
        )
    return found


def _productions(pair: Pair) -> Iterator[str]:
    """Nothing ever fills these."""
    for name, settings in pair.project.config.environments.items():
        if settings.production:
            yield name
        if settings.refresh is not None:
            yield settings.refresh.source


def _check_store(pair: Pair, identity: Identity) -> None:
    with pair.project.store.database.transaction() as connection:
        store = identify(connection, "the store", address(pair.project.store.conninfo))
    if store.is_same(identity):
        raise RefreshRefused(
            pair.environment,
            f'its database "{identity.database}" has the store of Fairlead in it, which would be '
            "swapped away",
            "Have the store in a database of its own: FAIRLEAD_STORE_URL",
        )


def _owner(pair: Pair, here: Connection[DictRow], old: Source) -> str:
    """Who the tables are made for."""
    if not old.may_create:
        raise RefreshRefused(
            pair.environment,
            f"{old.role} may make no database beside it",
            f"On the server: ALTER ROLE {old.role} CREATEDB",
        )
    owner, may = owner_of(here)
    if not may:
        raise RefreshRefused(
            pair.environment,
            f"its tables are {owner}'s, and {old.role} may make none for {owner}",
            f"On the server: GRANT {owner} TO {old.role}",
        )
    _check_may_carry_over(pair, here, old)
    return owner


def _check_may_carry_over(pair: Pair, here: Connection[DictRow], old: Source) -> None:
    """What belongs to the database is for the new one to have, with the swap."""
    try:
        check_may_carry_over(here, old.database)
    except Error as error:
        raise RefreshRefused(
            pair.environment,
            f"{old.role} may not give the new database the owner, rights and settings of "
            f"{old.database}: {first_line(error)}",
            f"Let {old.role} be a member of who owns the database and of the roles with settings "
            "in it; a setting that only a superuser may make: GRANT SET ON PARAMETER, or reset it.",
        ) from error


def _extensions(
    pair: Pair, here: Connection[DictRow], there: Connection[DictRow]
) -> tuple[Extension, ...]:
    found = extensions_of(there, here)
    missing = [one.name for one in found if one.used and not one.offered]
    if missing:
        raise RefreshRefused(
            pair.environment,
            f"its server has not the extension {missing[0]}, which {pair.settings.source} uses",
            "Install its package there.",
        )
    return found


def _programs(pair: Pair, read: Source, old: Source) -> Programs:
    if old.major < read.major:
        raise RefreshRefused(
            pair.environment,
            f"its server is PostgreSQL {old.major}, which does not read what the server of "
            f"{pair.settings.source}, {read.major}, has",
            f"Upgrade the server of {pair.environment} first, as any upgrade is tried first.",
        )
    folder = pair.project.config.environment(pair.environment).backup.programs
    return programs_for(pair.environment, old.major, folder)


def _check_locks(pair: Pair, read: Source) -> None:
    to_set = locks_to_set(read)
    if to_set is not None:
        raise RefreshRefused(
            pair.environment,
            f"pg_dump would lock {read.relations} tables and sequences of "
            f"{pair.settings.source}, and "
            f"the server has room for {read.locks_per_transaction * read.transactions} locks",
            f"Set max_locks_per_transaction = {to_set} there (now {read.locks_per_transaction}) "
            f'and restart it; or environments.{pair.environment}.refresh.read = "backup"',
        )


def _check_room(pair: Pair, here: Connection[DictRow], room: int) -> None:
    disk = disk_of(here, pair.database)
    if disk is None:
        pair.say(
            f"how much disk the server has left cannot be asked; about {size(room)} are needed "
            "(GRANT pg_execute_server_program lets it be)"
        )
    elif disk.spare < room:
        raise RefreshRefused(
            pair.environment,
            f"{words_of_disk(disk, pair.target)}; the new database will take about {size(room)} "
            "beside the old one",
            "Free some disk there, take less (leave_out, tenants), or lower keep_days.",
        )


def _newest_backup(pair: Pair) -> Backup:
    name, source = pair.project.config.project, pair.settings.source
    made = pair.project.store.backups.all(name, source)
    good = (one for one in made if (one.kind, one.state) == (BackupKind.DUMP, BackupState.PROVEN))
    backup = next(good, None)
    if backup is None:
        raise RefreshRefused(
            pair.environment,
            f"there is no proven dump of {source}",
            f"Make one: fairlead backup {source}",
        )
    place_of(pair.project, source, backup.place)  # it has its keys
    return backup
