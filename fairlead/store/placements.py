"""The table `placement`: what is where, as the last successful release recorded it."""

from collections.abc import Sequence

import psycopg
from psycopg.rows import DictRow

from fairlead.model import Placement, ReleaseState
from fairlead.store.database import Database
from fairlead.store.releases import Releases


class Placements:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._releases = Releases(database)

    def record(
        self,
        release: int,
        placements: Sequence[Placement],
        requests: tuple[int, int] | None,
    ) -> None:
        """End the release as succeeded and write what is where, in one transaction.

        A service that stays at its digest keeps its `since`.
        """
        self._database.surely(
            lambda connection: self._record(connection, release, placements, requests)
        )

    def _record(
        self,
        connection: psycopg.Connection[DictRow],
        release: int,
        placements: Sequence[Placement],
        requests: tuple[int, int] | None,
    ) -> None:
        self._releases.end(
            release, ReleaseState.SUCCEEDED, requests=requests, connection=connection
        )
        first = placements[0]
        connection.execute(
            "delete from placement where project = %s and environment = %s "
            "and not (host || ' ' || service = any(%s))",
            (
                first.project,
                first.environment,
                [f"{placement.host} {placement.service}" for placement in placements],
            ),
        )
        for placement in placements:
            connection.execute(
                """
                insert into placement (project, environment, host, service, release, sha,
                  digest, replicas)
                values (%s, %s, %s, %s, %s, %s, %s, %s)
                on conflict (project, environment, host, service) do update set
                  release = excluded.release, sha = excluded.sha, digest = excluded.digest,
                  replicas = excluded.replicas,
                  since = case when placement.digest = excluded.digest
                    then placement.since else excluded.since end
                """,
                (
                    placement.project,
                    placement.environment,
                    placement.host,
                    placement.service,
                    release,
                    placement.sha,
                    placement.digest,
                    placement.replicas,
                ),
            )

    def all(self, project: str, environment: str | None = None) -> list[Placement]:
        where = "and p.environment = %(environment)s" if environment else ""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "select p.project, p.environment, p.host, p.service, p.release, p.sha, p.digest, "
                "p.replicas, p.since, r.requested_by from placement p "
                f"join release r on r.id = p.release where p.project = %(project)s {where} "
                "order by p.environment, p.host, p.service",
                {"project": project, "environment": environment},
            ).fetchall()
        return [Placement(**row) for row in rows]
