"""The tables `ledger` (where a tag pointed when first released) and `image` (what was taken)."""

from collections.abc import Sequence

from fairlead.model import Image
from fairlead.store.database import Database

NOT_NEEDED = """
with used as (
  select environment, coalesce(origin, id) as release,
         row_number() over (partition by environment order by max(id) desc) as place
  from release where project = %(project)s and state = 'succeeded'
  group by environment, coalesce(origin, id)
)
select image.repository || '@' || image.digest as reference
from image join release on release.id = image.release
where release.project = %(project)s
group by image.repository, image.digest
having not bool_or(image.release in (select release from used where place <= %(keep)s))
"""


class Ledger:
    def __init__(self, database: Database) -> None:
        self._database = database

    def enter(self, repository: str, tag: str, digest: str) -> str:
        """The digest the ledger holds for the tag: `digest` itself when it is the first."""
        with self._database.transaction() as connection:
            connection.execute(
                "insert into ledger (repository, tag, digest) values (%s, %s, %s) "
                "on conflict do nothing",
                (repository, tag, digest),
            )
        found = self.digest(repository, tag)
        assert found is not None
        return found

    def digest(self, repository: str, tag: str) -> str | None:
        with self._database.transaction() as connection:
            row = connection.execute(
                "select digest from ledger where repository = %s and tag = %s", (repository, tag)
            ).fetchone()
        return str(row["digest"]) if row else None

    def keep(self, release: int, images: Sequence[Image]) -> None:
        """What the release uses from now on; the same again changes nothing."""
        with self._database.transaction() as connection:
            for image in images:
                connection.execute(
                    "insert into image (release, service, repository, tag, digest, revision, "
                    "built_at) values (%s, %s, %s, %s, %s, %s, %s) on conflict do nothing",
                    (
                        release,
                        image.service,
                        image.repository,
                        image.tag,
                        image.digest,
                        image.revision,
                        image.built_at,
                    ),
                )

    def not_needed(self, project: str, keep: int) -> set[str]:
        """Each `repository@digest` that was taken for a release of the project, and that none of
        the last `keep` releases of any environment has. A release and the rollbacks to it are one:
        going to and fro between two does not push the others out."""
        with self._database.transaction() as connection:
            rows = connection.execute(NOT_NEEDED, {"project": project, "keep": keep}).fetchall()
        return {str(row["reference"]) for row in rows}

    def images(self, release: int) -> list[Image]:
        with self._database.transaction() as connection:
            rows = connection.execute(
                "select service, repository, tag, digest, revision, built_at from image "
                "where release = %s order by service",
                (release,),
            ).fetchall()
        return [Image(**row) for row in rows]
