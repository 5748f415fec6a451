"""The table `drift`: what runs otherwise than recorded, from when until when."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from fairlead.model import Drift, DriftChanges, DriftKind, NotedDrift
from fairlead.store.database import Database

COLUMNS = "environment, kind, host, container, words, detail, opened_at"


def as_noted(row: Mapping[str, Any]) -> NotedDrift:
    drift = Drift(
        DriftKind(row["kind"]), row["host"], row["container"], row["words"], row["detail"]
    )
    return NotedDrift(row["environment"], drift, row["opened_at"])


class Drifts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, project: str, environment: str, found: Sequence[Drift]) -> DriftChanges:
        """Make `found` all that is open in the environment. Of two who note the same at once, one
        has it as new."""
        place = {"project": project, "environment": environment}
        whole = {"hosts": [one.host for one in found], "words": [one.words for one in found]}
        with self._database.transaction() as connection:
            seen = [connection.execute(SEEN, {**place, **asdict(one)}).fetchone() for one in found]
            gone = connection.execute(GONE, {**place, **whole}).fetchall()
        return DriftChanges(
            environment,
            new=[as_noted(row) for row in seen if row and row["is_new"]],
            gone=[as_noted(row) for row in gone],
            open=self.open(project, environment),
        )

    def open(self, project: str, environment: str) -> list[NotedDrift]:
        """The oldest first."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"select {COLUMNS} from drift where project = %s and environment = %s "
                "and gone_at is null order by id",
                (project, environment),
            ).fetchall()
        return [as_noted(row) for row in rows]


# Of a row that was there before, xmax is the transaction that has just updated it.
SEEN = f"""
insert into drift (project, environment, kind, host, container, words, detail)
values (%(project)s, %(environment)s, %(kind)s, %(host)s, %(container)s, %(words)s, %(detail)s)
on conflict (project, environment, host, words) where gone_at is null
do update set detail = excluded.detail
returning {COLUMNS}, xmax = 0 as is_new
"""
GONE = f"""
update drift set gone_at = now()
where project = %(project)s and environment = %(environment)s and gone_at is null
  and (host, words) not in (select * from unnest(%(hosts)s::text[], %(words)s::text[]))
returning {COLUMNS}
"""
