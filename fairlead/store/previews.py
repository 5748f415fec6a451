"""The table `preview`: what the migrations of each release would do, as it was known before."""

from psycopg.types.json import Jsonb

from fairlead.model import KeptPreview
from fairlead.store.database import Database


class Previews:
    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, preview: KeptPreview) -> None:
        """Not in the place of one that somebody was asked to approve."""
        values = (preview.release, preview.digest, preview.pending, Jsonb(preview.body))
        with self._database.transaction() as connection:
            connection.execute(KEEP, values)

    def of(self, release: int) -> KeptPreview | None:
        with self._database.transaction() as connection:
            row = connection.execute(OF, (release,)).fetchone()
        return KeptPreview(**row) if row else None


KEEP = """
insert into preview (release, digest, pending, body)
select given.release, given.digest, given.pending, given.body
from (values (%s::bigint, %s::text, %s::text, %s::jsonb)) given (release, digest, pending, body)
where not exists (select from approval where approval.release = given.release)
on conflict (release) do update set made_at = now(), digest = excluded.digest,
  pending = excluded.pending, body = excluded.body
"""
OF = "select release, digest, pending, body from preview where release = %s"
