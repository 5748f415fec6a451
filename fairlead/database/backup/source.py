"""What is to be saved, and whether it can be: the server, the database, its size, its locks."""

import math
from dataclasses import dataclass

from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.errors import CannotSave

# pg_dump holds a lock on every table and sequence from its beginning to its end.
LOCKED = "('r', 'p', 'S')"
LOOK = f"""
select current_database() as database,
  current_setting('server_version_num')::int / 10000 as major,
  split_part(current_setting('server_version'), ' ', 1) as version,
  (select system_identifier::text from pg_control_system()) as system,
  pg_database_size(current_database()) as bytes,
  (select coalesce(sum(pg_table_size(oid)), 0)::bigint from pg_class
     where relkind in ('r', 'm') and oid >= 16384) as data_bytes,
  (select count(*) from pg_class where relkind in {LOCKED} and oid >= 16384) as relations,
  current_setting('max_locks_per_transaction')::int as locks_per_transaction,
  current_setting('max_connections')::int
    + current_setting('max_prepared_transactions')::int as transactions,
  (select count(*) from pg_locks where not fastpath) as locks_held,
  current_user as role,
  (select rolcreatedb or rolsuper from pg_roles where rolname = current_user) as may_create
"""  # noqa: S608 a constant


@dataclass(frozen=True, slots=True)
class Source:
    """One database as it is now. `bytes` are all of it, `data_bytes` without its indexes;
    `relations` what pg_dump locks; `transactions` for how many the table of locks is made;
    `may_create` whether `role`, ours, may make databases."""

    database: str
    major: int
    version: str
    system: str
    bytes: int
    data_bytes: int
    relations: int
    locks_per_transaction: int
    transactions: int
    locks_held: int
    role: str
    may_create: bool

    @property
    def server(self) -> str:
        return f"PostgreSQL {self.version}"


def look_at(connection: Connection[DictRow]) -> Source:
    row = connection.execute(LOOK).fetchone()
    assert row is not None
    return Source(**row)


def check_may_create(environment: str, source: Source) -> None:
    """Raises CannotSave."""
    if not source.may_create:
        raise CannotSave(
            environment,
            f"what fails is to be restored into a new database, and {source.role} may make none",
            f"On the server: ALTER ROLE {source.role} CREATEDB; or on_failure = "
            f'"code" for environments.{environment}',
        )


def locks_to_set(source: Source) -> int | None:
    """What max_locks_per_transaction would have to be for a dump, a fifth more than it needs now;
    None where it is enough.
    https://www.postgresql.org/docs/current/runtime-config-locks.html"""
    needed = source.relations + source.locks_held
    if needed <= source.locks_per_transaction * source.transactions:
        return None
    return math.ceil(needed * 1.2 / source.transactions / 64) * 64


def check_locks(environment: str, source: Source) -> None:
    """Without this pg_dump fails in the middle, and others with it, as "out of shared memory".

    Raises CannotSave."""
    wanted = locks_to_set(source)
    if wanted is None:
        return
    has = source.locks_per_transaction * source.transactions
    raise CannotSave(
        environment,
        f"pg_dump would lock {source.relations} tables and sequences, and the server has room for "
        f"{has} locks, of which {source.locks_held} are taken",
        f"Set max_locks_per_transaction = {wanted} there (now {source.locks_per_transaction}) "
        'and restart it; or kind = "template", or "command".',
    )
