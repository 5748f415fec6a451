"""The table `commit`: when a commit was made, as GitHub knows it."""

from datetime import datetime

from fairlead.store.database import Database


class Commits:
    def __init__(self, database: Database) -> None:
        self._database = database

    def unknown(self, project: str, limit: int) -> list[str]:
        """Those of the last `limit` releases of which nobody knows it, the newest first."""
        with self._database.transaction() as connection:
            rows = connection.execute(UNKNOWN, {"project": project, "limit": limit}).fetchall()
        return [str(row["sha"]) for row in rows]

    def keep(self, project: str, sha: str, committed_at: datetime) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "insert into commit (project, sha, committed_at) values (%s, %s, %s) "
                "on conflict do nothing",
                (project, sha, committed_at),
            )


UNKNOWN = """
with latest as (
  select id, sha from release where project = %(project)s order by id desc limit %(limit)s)
select sha from latest
where not exists (select from commit where commit.project = %(project)s and commit.sha = latest.sha)
group by sha order by max(id) desc
"""
