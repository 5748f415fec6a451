"""The table `lease`: one holder an environment, a heartbeat, a fencing number.

Times are the database's, so that a holder's clock cannot make a lease live or die. The fencing
number follows https://martin.kleppmann.com/2016/02/08/how-to-do-distributed-locking.html.
"""

from datetime import UTC, datetime

from fairlead.errors import LeaseHeld, LeaseLost
from fairlead.model import Lease
from fairlead.store.database import Database

_RENEW = (
    "update lease set heartbeat_at = now(), expires_at = now() + make_interval(secs => %s) "
    "where project = %s and environment = %s and fencing = %s and holder is not null"
)


class Leases:
    def __init__(self, database: Database) -> None:
        self._database = database

    def acquire(self, project: str, environment: str, holder: str, ttl: float) -> int:
        """The fencing number. Raises LeaseHeld with who has it and since when."""
        with self._database.transaction() as connection:
            row = connection.execute(
                """
                insert into lease (project, environment, fencing, holder, acquired_at,
                  heartbeat_at, expires_at)
                values (%(project)s, %(environment)s, 1, %(holder)s, now(), now(),
                  now() + make_interval(secs => %(ttl)s))
                on conflict (project, environment) do update set
                  fencing = lease.fencing + 1, holder = excluded.holder, release = null,
                  acquired_at = now(), heartbeat_at = now(), expires_at = excluded.expires_at
                where lease.holder is null or lease.expires_at < now()
                returning fencing
                """,
                {"project": project, "environment": environment, "holder": holder, "ttl": ttl},
            ).fetchone()
        if row is None:
            raise self._held(project, environment)
        return int(row["fencing"])

    def renew(self, project: str, environment: str, fencing: int, ttl: float) -> None:
        """A heartbeat. Raises LeaseLost when somebody else has it, or nobody."""
        done = self._database.surely(
            lambda connection: connection.execute(_RENEW, (ttl, project, environment, fencing))
        )
        if done.rowcount != 1:
            raise LeaseLost(environment, fencing)

    def release(self, project: str, environment: str, fencing: int) -> None:
        """Give it back; one that was lost already is left alone."""
        self._database.surely(
            lambda connection: connection.execute(
                "update lease set holder = null, release = null, acquired_at = null, "
                "heartbeat_at = null, expires_at = null "
                "where project = %s and environment = %s and fencing = %s",
                (project, environment, fencing),
            )
        )

    def unlock(self, project: str, environment: str) -> Lease | None:
        """Take the lease from whoever holds it, and say who that was. The fencing number grows,
        so that the old holder finds out before it acts again."""
        before = self.get(project, environment)
        with self._database.transaction() as connection:
            connection.execute(
                "update lease set fencing = fencing + 1, holder = null, release = null, "
                "acquired_at = null, heartbeat_at = null, expires_at = null "
                "where project = %s and environment = %s and holder is not null",
                (project, environment),
            )
        return before if before and before.holder else None

    def get(self, project: str, environment: str) -> Lease | None:
        with self._database.transaction() as connection:
            row = connection.execute(
                "select environment, fencing, holder, release, acquired_at, expires_at from lease "
                "where project = %s and environment = %s",
                (project, environment),
            ).fetchone()
        return Lease(**row) if row else None

    def live(self, project: str) -> list[Lease]:
        """Those held now: a holder whose heartbeat is not overdue."""
        with self._database.transaction() as connection:
            rows = connection.execute(
                "select environment, fencing, holder, release, acquired_at, expires_at from lease "
                "where project = %s and holder is not null and expires_at >= now()",
                (project,),
            ).fetchall()
        return [Lease(**row) for row in rows]

    def _held(self, project: str, environment: str) -> LeaseHeld:
        lease = self.get(project, environment)
        if lease is None or lease.holder is None or lease.acquired_at is None:
            # Given back in the moment between the two queries: the next try will have it.
            return LeaseHeld(environment, "a run that has just ended", datetime.now(UTC), None)
        return LeaseHeld(environment, lease.holder, lease.acquired_at, lease.release)
