"""The tables `refresh` and `refresh_phase`: the intent before, the outcome after."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from fairlead.errors import RefreshRefused
from fairlead.model import Phase, PhaseName, Refresh, RefreshState, StepOutcome
from fairlead.store.database import Database

COLUMNS = (
    "id, project, environment, source, reads, backup, release, state, database, made, kept, "
    "requested_by, requested_via, request, flow_run, started_at, ended_at, undoing_at, undone_at, "
    "undone_by, kept_removed_at, error, figures"
)


def as_refresh(row: Mapping[str, Any]) -> Refresh:
    return Refresh(**{**row, "state": RefreshState(row["state"])})


def as_phase(row: Mapping[str, Any]) -> Phase:
    outcome = StepOutcome(row["outcome"]) if row["outcome"] else None
    return Phase(**{**row, "name": PhaseName(row["name"]), "outcome": outcome})


class Refreshes:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        project: str,
        environment: str,
        *,
        source: str,
        reads: str,
        release: int | None,
        database: str,
        made: str,
        kept: str,
        requested_by: str,
        requested_via: str,
        request: str | None,
        flow_run: str | None,
        refused: str | None = None,
    ) -> Refresh:
        """Write the intent, or with `refused` why there is none. The index `refresh_one_running`
        refuses a second one."""
        state = RefreshState.REFUSED if refused else RefreshState.RUNNING
        values = (project, environment, source, reads, release, database, made, kept,
                  requested_by, requested_via, request, flow_run, refused, state)  # fmt: skip
        try:
            return self._written(
                f"""
                insert into refresh (project, environment, source, reads, release, database, made,
                  kept, requested_by, requested_via, request, flow_run, error, state, ended_at)
                values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s,
                  {"now()" if refused else "null"}) returning {COLUMNS}
                """,
                values,
            )
        except psycopg.errors.UniqueViolation as error:
            why = "it is being refreshed, or this very request was served"
            look = f"Look: fairlead refresh history {environment}"
            raise RefreshRefused(environment, why, look) from error

    def reads_backup(self, refresh: int, backup: int) -> None:
        with self._database.transaction() as connection:
            connection.execute("update refresh set backup = %s where id = %s", (backup, refresh))

    def note(self, refresh: int, figures: Mapping[str, Any]) -> None:
        """What was counted, beside what was before."""
        with self._database.transaction() as connection:
            connection.execute(
                "update refresh set figures = figures || %s where id = %s",
                (Jsonb(dict(figures)), refresh),
            )

    def end(self, refresh: int, state: RefreshState, error: str | None = None) -> None:
        """One that has ended already keeps its own state."""
        with self._database.transaction() as connection:
            connection.execute(
                "update refresh set state = %s, error = %s, ended_at = clock_timestamp() "
                "where id = %s and state = 'running'",
                (state, error, refresh),
            )

    def undoing(self, refresh: int) -> None:
        """The intent: what the databases are called says later whether it was done."""
        with self._database.transaction() as connection:
            connection.execute(
                "update refresh set undoing_at = clock_timestamp() where id = %s", (refresh,)
            )

    def undone(self, refresh: int, by: str) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "update refresh set state = 'undone', undone_at = clock_timestamp(), "
                "undone_by = %s where id = %s and undone_at is null",
                (by, refresh),
            )

    def kept_removed(self, refresh: int) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "update refresh set kept_removed_at = clock_timestamp() where id = %s", (refresh,)
            )

    def get(self, project: str, refresh: int) -> Refresh | None:
        return next(iter(self._found(project, None, "and id = %(id)s", id=refresh)), None)

    def of_request(self, request: str) -> Refresh | None:
        with self._database.transaction() as connection:
            row = connection.execute(
                f"select {COLUMNS} from refresh where request = %s", (request,)
            ).fetchone()
        return as_refresh(row) if row else None

    def running(self, project: str, environment: str) -> Refresh | None:
        return next(iter(self._found(project, environment, "and state = 'running'")), None)

    def history(self, project: str, environment: str | None, limit: int = 1000) -> list[Refresh]:
        """The newest first."""
        return self._found(project, environment, "", limit)

    def begin_phase(self, refresh: int, name: PhaseName) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "insert into refresh_phase (refresh, name) values (%s, %s)", (refresh, name)
            )

    def end_phase(
        self,
        refresh: int,
        name: PhaseName,
        outcome: StepOutcome,
        *,
        detail: str = "",
        error: str | None = None,
        log_tail: str = "",
    ) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "update refresh_phase set outcome = %s, detail = %s, error = %s, log_tail = %s, "
                "ended_at = clock_timestamp() "
                "where refresh = %s and name = %s and outcome is null",
                (outcome, detail, error, log_tail, refresh, name),
            )

    def phases(self, refresh: int) -> list[Phase]:
        """In the order in which they were begun."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "select * from refresh_phase where refresh = %s order by started_at", (refresh,)
            ).fetchall()
        return [as_phase(row) for row in rows]

    def _found(
        self, project: str, environment: str | None, more: str, limit: int = 1000, **values: Any
    ) -> list[Refresh]:
        where = "and environment = %(environment)s" if environment else ""
        given = {"project": project, "environment": environment, "limit": limit, **values}
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"select {COLUMNS} from refresh where project = %(project)s {where} {more} "
                "order by id desc limit %(limit)s",
                given,
            ).fetchall()
        return [as_refresh(row) for row in rows]

    def _written(self, statement: str, values: tuple[Any, ...]) -> Refresh:
        with self._database.transaction() as connection:
            row = connection.execute(statement, values).fetchone()
        assert row is not None
        return as_refresh(row)
