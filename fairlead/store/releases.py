"""The table `release`: the history."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from fairlead.errors import ServedAlready
from fairlead.model import Release, ReleaseKind, ReleaseState, Request
from fairlead.store.database import Database

COLUMNS = (
    "id, project, environment, sha, kind, state, source, requested_by, requested_via, reason, "
    "replaces, coalesce(origin, id) as origin, request, started_at, ended_at, error, "
    "requests_answered, requests_lost, config_digest, flow_run"
)


def as_release(row: Mapping[str, Any]) -> Release:
    return Release(**{**row, "kind": ReleaseKind(row["kind"]), "state": ReleaseState(row["state"])})


class Releases:
    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(
        self,
        request: Request,
        *,
        project: str,
        fencing: int,
        config: Mapping[str, Any],
        config_digest: str,
        flow_run: str | None = None,
        origin: int | None = None,
    ) -> Release:
        """The unfinished release of the lease `fencing`; the constraint
        `release_one_unfinished` refuses a second one. Raises ServedAlready."""
        with self._database.transaction() as connection:
            row = connection.execute(
                f"""
                insert into release (project, environment, sha, kind, source, requested_by,
                  requested_via, reason, request, origin, replaces, fencing, config,
                  config_digest, flow_run)
                values (%(project)s, %(environment)s, %(sha)s, %(kind)s, %(source)s,
                  %(requested_by)s, %(requested_via)s, %(reason)s, %(request)s, %(origin)s,
                  (select max(id) from release where project = %(project)s
                     and environment = %(environment)s and state = 'succeeded'),
                  %(fencing)s, %(config)s, %(config_digest)s, %(flow_run)s)
                on conflict (request) do nothing returning {COLUMNS}
                """,
                {
                    **_asked(request),
                    "project": project,
                    "fencing": fencing,
                    "config": Jsonb(config),
                    "config_digest": config_digest,
                    "flow_run": flow_run,
                    "origin": origin,
                },
            ).fetchone()
            if row is None:
                raise self._served(request)
            connection.execute(
                "update lease set release = %s where project = %s and environment = %s "
                "and fencing = %s",
                (row["id"], project, request.environment, fencing),
            )
        return as_release(row)

    def go_on(
        self,
        release: int,
        *,
        fencing: int,
        config: Mapping[str, Any],
        config_digest: str,
        flow_run: str | None,
    ) -> Release | None:
        """One that waited is the unfinished release of the lease `fencing` now; None when it waits
        no more."""
        with self._database.transaction() as connection:
            row = connection.execute(
                f"""
                update release set state = 'running', fencing = %s, config = %s,
                  config_digest = %s, flow_run = %s
                where id = %s and state = 'waiting' returning {COLUMNS}
                """,
                (fencing, Jsonb(config), config_digest, flow_run, release),
            ).fetchone()
            if row is not None:
                connection.execute(
                    "update lease set release = %s where project = %s and environment = %s "
                    "and fencing = %s",
                    (release, row["project"], row["environment"], fencing),
                )
        return as_release(row) if row else None

    def tried_since(self, project: str, environment: str, sha: str, since: datetime) -> bool:
        """Whether the commit was to be brought there after that, however it ended."""
        found = self._one(
            "where project = %s and environment = %s and sha = %s and started_at > %s limit 1",
            (project, environment, sha, since),
        )
        return found is not None

    def stop_waiting(self, release: int, error: str) -> bool:
        """Refuse one that waits; False when it waits no more."""
        with self._database.transaction() as connection:
            done = connection.execute(
                "update release set state = 'refused', error = %s, ended_at = now() "
                "where id = %s and state = 'waiting'",
                (error, release),
            )
        return done.rowcount == 1

    def waiting(self, project: str, environment: str) -> list[Release]:
        """Those that wait for somebody to approve them, the oldest first."""
        return self._all(
            "where project = %s and environment = %s and state = 'waiting' order by id",
            (project, environment),
        )

    def refuse(
        self, request: Request, *, project: str, error: str, flow_run: str | None
    ) -> Release:
        """A release that never began, because of what another one does there or has left.

        Raises ServedAlready."""
        with self._database.transaction() as connection:
            row = connection.execute(
                f"""
                insert into release (project, environment, sha, kind, source, requested_by,
                  requested_via, reason, request, fencing, config, config_digest, flow_run, state,
                  error, ended_at)
                values (%(project)s, %(environment)s, %(sha)s, %(kind)s, %(source)s,
                  %(requested_by)s, %(requested_via)s, %(reason)s, %(request)s, 0, '{{}}', '',
                  %(flow_run)s, 'refused', %(error)s, now())
                on conflict (request) do nothing returning {COLUMNS}
                """,
                {**_asked(request), "project": project, "error": error, "flow_run": flow_run},
            ).fetchone()
        if row is None:
            raise self._served(request)
        return as_release(row)

    def _served(self, request: Request) -> ServedAlready:
        before = self.of_request(request.id or "")
        assert before is not None, "nothing else is in conflict with it"
        return ServedAlready(before.id, before.state)

    def end(
        self,
        release: int,
        state: ReleaseState,
        *,
        error: str | None = None,
        requests: tuple[int, int] | None = None,
        connection: psycopg.Connection[DictRow] | None = None,
    ) -> None:
        """Give the release its final state; one that has ended already keeps its own.

        `requests` is (answered, lost). `connection` joins a transaction that is open.
        """
        if connection is None:
            self._database.surely(
                lambda own: self.end(release, state, error=error, requests=requests, connection=own)
            )
            return
        answered, lost = requests or (None, None)
        connection.execute(
            "update release set state = %s, error = %s, requests_answered = %s, "
            "requests_lost = %s, ended_at = now() where id = %s and state = 'running'",
            (state, error, answered, lost, release),
        )

    def get(self, release: int) -> Release | None:
        return self._one("where id = %s", (release,))

    def of_request(self, request: str) -> Release | None:
        return self._one("where request = %s", (request,))

    def of_flow_run(self, flow_run: str) -> Release | None:
        """The last one that this run of a flow made: run again in Prefect, it keeps its id."""
        return self._one("where flow_run = %s order by id desc limit 1", (flow_run,))

    def unfinished(self, project: str, environment: str) -> Release | None:
        return self._one(
            "where project = %s and environment = %s and state = 'running'", (project, environment)
        )

    def not_put_back(self, project: str, environment: str) -> Release | None:
        """The last one that touched the environment, if it could not be put back and has not been
        settled since."""
        return self._one(
            "where id = (select max(id) from release where project = %s and environment = %s "
            "and state in ('succeeded', 'rolled_back', 'rollback_failed')) "
            "and state = 'rollback_failed' and not exists (select from step "
            "where step.release = release.id and name = 'settle' and outcome = 'succeeded')",
            (project, environment),
        )

    def not_retired(self, project: str, environment: str) -> Release | None:
        """What is deployed, if its process died before what ran earlier was put to rest."""
        return self._one(
            "where id = (select max(id) from release where project = %s and environment = %s "
            "and state = 'succeeded') and not exists (select from step where "
            "step.release = release.id and name in ('retire', 'settle') and outcome is not null)",
            (project, environment),
        )

    def current(self, project: str, environment: str) -> Release | None:
        """The last one that succeeded: what is deployed."""
        return self._one(
            "where project = %s and environment = %s and state = 'succeeded' "
            "order by id desc limit 1",
            (project, environment),
        )

    def last_of(self, project: str, environment: str, sha: str) -> Release | None:
        """The last one that brought `sha` there."""
        return self._one(
            "where project = %s and environment = %s and state = 'succeeded' and sha = %s "
            "order by id desc limit 1",
            (project, environment, sha),
        )

    def untold(self, project: str) -> list[Release]:
        """Those of the last day that are over, whose process is gone, and of which a state was
        told that was not the last."""
        return self._all(
            """
            where project = %s and ended_at > now() - interval '1 day'
              and not exists (select from lease where lease.release = release.id
                and lease.expires_at >= now())
              and (select final from outbox where outbox.project = release.project
                and subject = coalesce(release.request, flow_run, 'release ' || release.id)
                and outbox.kind = 'state' order by outbox.id desc limit 1) = false
            order by id
            """,
            (project,),
        )

    def kept(self, project: str, environment: str, keep: int) -> set[int]:
        """Every release that is, or went back to, one of the last `keep` that ran there."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                """
                with used as (
                  select coalesce(origin, id) as origin from release
                  where project = %(project)s and environment = %(environment)s
                    and state = 'succeeded'
                  group by 1 order by max(id) desc limit %(keep)s)
                select id from release where project = %(project)s
                  and environment = %(environment)s
                  and coalesce(origin, id) in (select origin from used)
                """,
                {"project": project, "environment": environment, "keep": keep},
            ).fetchall()
        return {int(row["id"]) for row in rows}

    def history(self, project: str, environment: str | None, limit: int) -> list[Release]:
        """The newest first."""
        if not environment:
            return self._all("where project = %s order by id desc limit %s", (project, limit))
        return self._all(
            "where project = %s and environment = %s order by id desc limit %s",
            (project, environment, limit),
        )

    def config(self, release: int) -> dict[str, Any]:
        """The snapshot of the config the release was made with."""
        with self._database.transaction() as connection:
            row = connection.execute(
                "select config from release where id = %s", (release,)
            ).fetchone()
        assert row is not None
        return dict(row["config"])

    def _all(self, where: str, values: tuple[Any, ...]) -> list[Release]:
        with self._database.transaction() as connection:
            rows = connection.execute(f"select {COLUMNS} from release {where}", values).fetchall()
        return [as_release(row) for row in rows]

    def _one(self, where: str, values: tuple[Any, ...]) -> Release | None:
        with self._database.transaction() as connection:
            row = connection.execute(f"select {COLUMNS} from release {where}", values).fetchone()
        return as_release(row) if row else None


def _asked(request: Request) -> dict[str, Any]:
    return {
        "environment": request.environment,
        "sha": request.sha,
        "kind": request.kind,
        "source": request.source,
        "requested_by": request.requested_by,
        "requested_via": request.requested_via,
        "reason": request.reason,
        "request": request.id,
    }
