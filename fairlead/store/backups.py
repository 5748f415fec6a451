"""The tables `backup` and `restore`: what was saved, and what was put back."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from fairlead.model import Backup, BackupKind, BackupState
from fairlead.store.database import Database

COLUMNS = (
    "id, project, environment, release, kind, state, place, database, system, server, "
    "database_bytes, bytes, manifest, made_by, started_at, ended_at, proven_at, drilled_at, "
    "removed_at, error, written"
)


def as_backup(row: Mapping[str, Any]) -> Backup:
    return Backup(**{**row, "kind": BackupKind(row["kind"]), "state": BackupState(row["state"])})


class Backups:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        project: str,
        environment: str,
        *,
        kind: BackupKind,
        release: int | None,
        made_by: str,
        database: str,
        system: str,
        server: str,
        database_bytes: int,
        written: Mapping[str, Any],
    ) -> Backup:
        """Write the intent. The index `backup_one_running` refuses a second one."""
        return self._written(
            f"""
            insert into backup (project, environment, kind, release, made_by, database, system,
              server, database_bytes, written)
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning {COLUMNS}
            """,
            (project, environment, kind, release, made_by, database, system, server,
             database_bytes, Jsonb(written)),
        )  # fmt: skip

    def goes_to(self, backup: int, place: str) -> Backup:
        """Where it will be, written before anything is there, so that it is found after a crash."""
        return self._written(
            f"update backup set place = %s where id = %s returning {COLUMNS}", (place, backup)
        )

    def proven(
        self, backup: int, *, place: str, bytes: int | None, manifest: str | None, drilled: bool
    ) -> Backup:
        return self._written(
            f"""
            update backup set state = 'proven', place = %s, bytes = %s, manifest = %s,
              proven_at = now(), ended_at = now(), drilled_at = case when %s then now() end
            where id = %s and state = 'running' returning {COLUMNS}
            """,
            (place, bytes, manifest, drilled, backup),
        )

    def failed(self, backup: int, error: str) -> Backup:
        return self._written(
            "update backup set state = 'failed', error = %s, ended_at = clock_timestamp() "
            f"where id = %s and state = 'running' returning {COLUMNS}",
            (error, backup),
        )

    def removed(self, backup: int) -> Backup:
        return self._written(
            "update backup set state = 'removed', removed_at = clock_timestamp() "
            f"where id = %s and state = 'proven' returning {COLUMNS}",
            (backup,),
        )

    def restored(self, backup: Backup, *, made_by: str, kept: str, forced: bool) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "insert into restore (backup, environment, made_by, kept, forced) "
                "values (%s, %s, %s, %s, %s)",
                (backup.id, backup.environment, made_by, kept, forced),
            )

    def get(self, project: str, environment: str, backup: int) -> Backup | None:
        found = self._found(project, environment, "and id = %s", backup)
        return found[0] if found else None

    def all(self, project: str, environment: str) -> list[Backup]:
        """The newest first."""
        return self._found(project, environment, "")

    def of_release(self, release: int) -> Backup | None:
        """The one that counts, else the last that was tried."""
        with self._database.transaction() as connection:
            row = connection.execute(
                f"select {COLUMNS} from backup where release = %s "
                "order by proven_at is null, id desc limit 1",
                (release,),
            ).fetchone()
        return as_backup(row) if row else None

    def _found(self, project: str, environment: str, more: str, *values: Any) -> list[Backup]:
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"select {COLUMNS} from backup where project = %s and environment = %s {more} "
                "order by id desc",
                (project, environment, *values),
            ).fetchall()
        return [as_backup(row) for row in rows]

    def _written(self, statement: str, values: tuple[Any, ...]) -> Backup:
        with self._database.transaction() as connection:
            row = connection.execute(statement, values).fetchone()
        assert row is not None, "a backup has one state after the other"
        return as_backup(row)
