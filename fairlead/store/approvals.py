"""The table `approval`: who let a release go on, or did not, and why."""

from collections.abc import Mapping
from typing import Any

from psycopg.types.json import Jsonb

from fairlead.model import Approval, Decision
from fairlead.store.database import Database

COLUMNS = (
    "release, rule, asked_at, expires_at, parameters, suspended, decision, decided_by, "
    "decided_via, reason, decided_at"
)


def as_approval(row: Mapping[str, Any]) -> Approval:
    decision = Decision(row["decision"]) if row["decision"] else None
    return Approval(**{**row, "decision": decision})


class Approvals:
    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(
        self,
        release: int,
        *,
        rule: str,
        seconds: float,
        parameters: Mapping[str, Any],
        suspended: str | None,
    ) -> Approval:
        """From now on the release waits, for so many seconds at most; it holds nothing."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "insert into approval (release, rule, expires_at, parameters, suspended) "
                "values (%s, %s, now() + make_interval(secs => %s), %s, %s) "
                f"returning {COLUMNS}",
                (release, rule, seconds, Jsonb(parameters), suspended),
            ).fetchone()
            connection.execute(
                "update release set state = 'waiting' where id = %s and state = 'running'",
                (release,),
            )
        assert row is not None
        return as_approval(row)

    def decide(
        self, release: int, decision: Decision, *, by: str, via: str, reason: str, error: str | None
    ) -> Approval | None:
        """The approval as it is decided now, None when it was decided already. With an `error` the
        release ends as refused."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "update approval set decision = %s, decided_by = %s, decided_via = %s, "
                "reason = %s, decided_at = now() where release = %s and decision is null "
                f"returning {COLUMNS}",
                (decision, by, via, reason, release),
            ).fetchone()
            if row is not None and error is not None:
                connection.execute(
                    "update release set state = 'refused', error = %s, ended_at = now() "
                    "where id = %s and state = 'waiting'",
                    (error, release),
                )
        return as_approval(row) if row else None

    def of(self, release: int) -> Approval | None:
        with self._database.transaction() as connection:
            row = connection.execute(
                f"select {COLUMNS} from approval where release = %s", (release,)
            ).fetchone()
        return as_approval(row) if row else None

    def overdue(self, project: str) -> list[Approval]:
        """Of the releases that wait those whose time is over, the oldest first."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"select {COLUMNS} from approval where expires_at <= now() and exists ("
                "select from release where release.id = approval.release "
                "and project = %s and state = 'waiting') order by release",
                (project,),
            ).fetchall()
        return [as_approval(row) for row in rows]
