"""The table `tenant_migration`: what became of each tenant in a release."""

from collections.abc import Sequence
from dataclasses import asdict

from fairlead.model import TenantMigration
from fairlead.store.database import Database


class TenantMigrations:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, release: int, told: Sequence[TenantMigration]) -> None:
        """The last of each tenant counts."""
        rows = [{"release": release, **asdict(one)} for one in told]
        with self._database.transaction() as connection, connection.cursor() as cursor:
            cursor.executemany(KEEP, rows)

    def failed(self, release: int) -> list[TenantMigration]:
        """Those that are not at the release, by name."""
        with self._database.transaction() as connection:
            rows = connection.execute(FAILED, (release,)).fetchall()
        return [TenantMigration(**row) for row in rows]

    def count(self, release: int) -> int:
        """How many the release migrated."""
        with self._database.transaction() as connection:
            row = connection.execute(COUNT, (release,)).fetchone()
        return int(row["done"]) if row else 0


KEEP = """
insert into tenant_migration (release, tenant, state, seconds, attempts, at, error)
values (%(release)s, %(tenant)s, %(state)s, %(seconds)s, %(attempts)s, %(at)s, %(error)s)
on conflict (release, tenant) do update set state = excluded.state, seconds = excluded.seconds,
  attempts = excluded.attempts, at = excluded.at, error = excluded.error, told_at = now()
"""
COUNT = "select count(*) as done from tenant_migration where release = %s and state = 'done'"
FAILED = """
select tenant, state, seconds, attempts, at, error from tenant_migration
where release = %s and state <> 'done' order by tenant
"""
