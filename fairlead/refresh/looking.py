"""The first phase: both databases are who they should be, and nothing that can be known before
stands in the way. Nothing is changed, and of production only the catalog is read."""

from collections.abc import Iterator

from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.config import Masking
from fairlead.database.backup.beside import connected
from fairlead.database.backup.estimate import expected
from fairlead.database.backup.programs import Programs, programs_for
from fairlead.database.backup.source import Source, locks_to_set, look_at
from fairlead.database.masking.catalog import read_catalog
from fairlead.database.masking.complete import complete
from fairlead.database.masking.reading import reading
from fairlead.database.refresh.aim import aimed
from fairlead.database.refresh.identity import Identity, check_pair, identify
from fairlead.database.refresh.restore import owner_of
from fairlead.database.refresh.room import free_for, largest_table, needed
from fairlead.database.refresh.selection import select
from fairlead.engine.target import Target
from fairlead.errors import RefreshRefused
from fairlead.model import Backup, BackupKind, BackupState, PhaseName, Release, size
from fairlead.promotion import not_well
from fairlead.refresh.carrying import check_own
from fairlead.refresh.frame import QUERY, Looked, Refreshing
from fairlead.run import StepLog
from fairlead.store.database import address


def look(run: Refreshing) -> None:
    """Raises RefreshRefused, WrongDatabase, NotReadOnly, MaskingIncomplete, MaskingUnfit,
    SelectionUnfit, CarryUnfit, DatabaseUnreachable, SecretMissing, CannotSave."""
    with run.phase(PhaseName.LOOK) as step:
        run.looked = _looked(run, step)
        step.detail = (
            f"{run.row.source} is only read: {size(run.seen.read.bytes)}, {run.seen.read.server}"
        )


def _looked(run: Refreshing, step: StepLog) -> Looked:
    masking = run.project.config.masking
    assert masking is not None, "the config is refused without"
    key = run.project.secrets.resolve(masking.key)
    current = _current(run)
    deployed, unwell = run.project.target_of(current), not_well(run.project, current)
    if unwell:
        step.say(f"what is deployed cannot say whether it is well with the new data: {unwell}")
    settings, source = run.settings, run.row.source
    with (
        connected(run.target, run.row.session) as here,
        reading(source, run.source, timeout=QUERY) as there,
    ):
        old, read = look_at(here), look_at(there)
        identity = identify(here, run.environment, address(run.target))
        check_pair(
            run.project.config.project,
            identify(there, source, address(run.source)),
            identity,
            productions=list(_productions(run)),
        )
        _check_store(run, identity)
        owner = _owner(run, here)
        check_own(run)
        large_objects = _complete(there, masking)
        selection = select(
            there,
            source,
            leave_out=settings.leave_out,
            tenants=settings.tenants,
            carry_tenants=settings.carry_tenants,
        )
        programs = _programs(run, read, old)
        _check_room(run, here, needed(read.bytes, largest_table(there)), step)
    if settings.read == "backup":
        run.backup = _newest_backup(run)
    else:
        _check_locks(run, read)
        run.work.begin(expected(read.bytes, read.data_bytes, None).room)
    step.say(f"{source} is only read, and {run.environment} is marked as {identity.mark}")
    return Looked(
        read=read,
        old=old,
        identity=identity,
        programs=programs,
        deployed=deployed,
        unwell=unwell,
        beside=_beside(run, deployed, old),
        owner=owner,
        masking=masking,
        key=key,
        selection=selection,
        large_objects=large_objects,
    )


def _current(run: Refreshing) -> Release:
    current = run.project.store.releases.current(run.row.project, run.environment)
    if current is None:
        raise RefreshRefused(
            run.environment,
            "nothing was ever released to it, and its own code has to migrate the data",
            f"Release first: fairlead release {run.environment} SHA",
        )
    return current


def _beside(run: Refreshing, deployed: Target, old: Source) -> Target:
    """What is deployed, led to the new database."""
    service = deployed.config.migration_service
    found = aimed(deployed, service, old.database, run.row.made)
    if found is None:
        raise RefreshRefused(
            run.environment,
            f'no variable of the service {service} names the database "{old.database}", so that '
            "its containers cannot be led to the new one",
            f'Have it take DATABASE_URL: services.{service}.secrets = ["DATABASE_URL"]',
        )
    return found


def _productions(run: Refreshing) -> Iterator[str]:
    """Nothing ever fills these."""
    for name, settings in run.project.config.environments.items():
        if settings.production:
            yield name
        if settings.refresh is not None:
            yield settings.refresh.source


def _check_store(run: Refreshing, identity: Identity) -> None:
    with run.project.store.database.transaction() as connection:
        store = identify(connection, "the store", address(run.project.store.conninfo))
    if store.is_same(identity):
        raise RefreshRefused(
            run.environment,
            f'its database "{identity.database}" has the store of Fairlead in it, which would be '
            "swapped away",
            "Have the store in a database of its own: FAIRLEAD_STORE_URL",
        )


def _owner(run: Refreshing, here: Connection[DictRow]) -> str:
    """Who the tables are made for."""
    old = look_at(here)
    if not old.may_create:
        raise RefreshRefused(
            run.environment,
            f"{old.role} may make no database beside it",
            f"On the server: ALTER ROLE {old.role} CREATEDB",
        )
    owner, may = owner_of(here)
    if not may:
        raise RefreshRefused(
            run.environment,
            f"its tables are {owner}'s, and {old.role} may make none for {owner}",
            f"On the server: GRANT {owner} TO {old.role}",
        )
    return owner


def _complete(there: Connection[DictRow], masking: Masking) -> bool:
    """Whether large objects come along."""
    matched = complete(there, read_catalog(there), masking.rules)
    return matched.large_objects is not None and matched.large_objects.way == "keep"


def _programs(run: Refreshing, read: Source, old: Source) -> Programs:
    if old.major < read.major:
        raise RefreshRefused(
            run.environment,
            f"its server is PostgreSQL {old.major}, which does not read what the server of "
            f"{run.row.source}, {read.major}, has",
            f"Upgrade the server of {run.environment} first, as any upgrade is tried first.",
        )
    return programs_for(run.environment, old.major, run.policy.backup.programs)


def _check_locks(run: Refreshing, read: Source) -> None:
    wanted = locks_to_set(read)
    if wanted is not None:
        raise RefreshRefused(
            run.environment,
            f"pg_dump would lock {read.relations} tables and sequences of {run.row.source}, and "
            f"the server has room for {read.locks_per_transaction * read.transactions} locks",
            f"Set max_locks_per_transaction = {wanted} there (now {read.locks_per_transaction}) "
            f'and restart it; or environments.{run.environment}.refresh.read = "backup"',
        )


def _check_room(run: Refreshing, here: Connection[DictRow], room: int, step: StepLog) -> None:
    free = free_for(here, run.row.database)
    if free is None:
        step.say(
            f"how much disk the server has left cannot be asked; about {size(room)} are needed "
            "(GRANT pg_execute_server_program lets it be)"
        )
    elif free < room:
        raise RefreshRefused(
            run.environment,
            f"the disk of its server has {size(free)} free, and the new database will take about "
            f"{size(room)} beside the old one",
            "Free some disk there, take less (leave_out, tenants), or lower keep_days.",
        )


def _newest_backup(run: Refreshing) -> Backup:
    store, source = run.project.store, run.row.source
    made = store.backups.all(run.row.project, source)
    good = (one for one in made if (one.kind, one.state) == (BackupKind.DUMP, BackupState.PROVEN))
    backup = next(good, None)
    if backup is None:
        raise RefreshRefused(
            run.environment,
            f"there is no proven dump of {source}",
            f"Make one: fairlead backup {source}",
        )
    store.refreshes.reads_backup(run.row.id, backup.id)
    return backup
