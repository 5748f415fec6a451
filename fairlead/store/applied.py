"""The table `applied_before`: which migrations there were before a release."""

from collections.abc import Sequence

from psycopg.types.json import Jsonb

from fairlead.model import AppliedBefore
from fairlead.store.database import Database


class AppliedBefores:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, release: int, parts: Sequence[AppliedBefore]) -> None:
        rows = [
            (release, at, one.shared, list(one.schemas), Jsonb(one.migrations), Jsonb(one.faked))
            for at, one in enumerate(parts)
        ]
        with self._database.transaction() as connection, connection.cursor() as cursor:
            cursor.executemany("insert into applied_before values (%s, %s, %s, %s, %s, %s)", rows)

    def of(self, release: int) -> list[AppliedBefore]:
        """Empty where nothing was kept: nothing was pending, or it is not to be brought back."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "select shared, schemas, migrations, faked from applied_before "
                "where release = %s order by part",
                (release,),
            ).fetchall()
        return [AppliedBefore(**row) for row in rows]
