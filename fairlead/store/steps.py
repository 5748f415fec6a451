"""The table `step`: the intent before, the outcome after, one row an attempt."""

from collections.abc import Mapping
from typing import Any

from fairlead.model import Step, StepName, StepOutcome
from fairlead.store.database import Database


def as_step(row: Mapping[str, Any]) -> Step:
    outcome = StepOutcome(row["outcome"]) if row["outcome"] else None
    return Step(**{**row, "name": StepName(row["name"]), "outcome": outcome})


class Steps:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self, release: int, name: StepName) -> int:
        """Write the intent; the number of the attempt."""
        attempt = self._database.surely(
            lambda connection: connection.execute(
                "select coalesce(max(attempt), 0) + 1 as next from step "
                "where release = %s and name = %s",
                (release, name),
            ).fetchone()
        )
        assert attempt is not None
        number = int(attempt["next"])
        self._database.surely(
            lambda connection: connection.execute(
                "insert into step (release, name, attempt) values (%s, %s, %s) "
                "on conflict do nothing",
                (release, name, number),
            )
        )
        return number

    def end(
        self,
        release: int,
        name: StepName,
        attempt: int,
        outcome: StepOutcome,
        *,
        detail: str = "",
        error: str | None = None,
        log_tail: str = "",
    ) -> None:
        """Write the outcome."""
        self._database.surely(
            lambda connection: connection.execute(
                "update step set outcome = %s, detail = %s, error = %s, log_tail = %s, "
                "ended_at = clock_timestamp() "
                "where release = %s and name = %s and attempt = %s and outcome is null",
                (outcome, detail, error, log_tail, release, name, attempt),
            )
        )

    def details(self, project: str, environment: str, name: StepName, *, after: int) -> list[str]:
        """What that step did to the database in each release since, where it did anything that was
        not taken back."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "select s.detail from step s join release r on r.id = s.release "
                "where r.project = %s and r.environment = %s and s.name = %s and r.id > %s "
                "and s.detail <> '' and s.detail <> 'nothing pending' "
                "and s.outcome is distinct from 'skipped' and not exists (select from step b "
                "where b.release = r.id and b.name = 'roll_back_database' "
                "and b.outcome = 'succeeded') order by r.id",
                (project, environment, name, after),
            ).fetchall()
        return [str(row["detail"]) for row in rows]

    def of(self, release: int) -> list[Step]:
        """In the order in which they were begun."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "select * from step where release = %s order by started_at, name, attempt",
                (release,),
            ).fetchall()
        return [as_step(row) for row in rows]
