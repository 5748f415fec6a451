"""The table `notice`: which message tells of which release, so that it is updated in place."""

from fairlead.store.database import Database


class Notices:
    def __init__(self, database: Database) -> None:
        self._database = database

    def told(
        self, release: int, channel: str, state: str, *, message_id: str | None, error: str | None
    ) -> None:
        """What was told last; a message that was posted once keeps its id."""
        with self._database.transaction() as connection:
            connection.execute(
                "insert into notice (release, channel, message_id, state, error) "
                "values (%s, %s, %s, %s, %s) on conflict (release, channel) do update set "
                "message_id = coalesce(excluded.message_id, notice.message_id), "
                "state = excluded.state, error = excluded.error, told_at = now()",
                (release, channel, message_id, state, error),
            )

    def message_id(self, release: int, channel: str) -> str | None:
        with self._database.transaction() as connection:
            row = connection.execute(
                "select message_id from notice where release = %s and channel = %s",
                (release, channel),
            ).fetchone()
        return row["message_id"] if row else None
