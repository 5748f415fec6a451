"""The table `delivery`: what GitHub asked for, kept before GitHub is answered."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from fairlead.model import Delivery, DeliveryState, Wish
from fairlead.store.database import Database

PATIENCE = 2.5  # seconds; GitHub waits ten for its answer
CLAIM = 30  # seconds for one try; whoever died in it leaves the delivery to the next after that
COLUMNS = (
    "project, guid, event, subject, repository, actor, environment, sha, reason, received_at, "
    "state, attempts, flow_run, problem, settled_at"
)


def as_delivery(row: Mapping[str, Any]) -> Delivery:
    return Delivery(**{**row, "state": DeliveryState(row["state"])})


class Deliveries:
    """Gives up on a store that is away sooner than the other tables do."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def keep(self, project: str, wish: Wish) -> tuple[Delivery, bool]:
        """The delivery, and whether it is new; otherwise it is the first one that had this GUID or
        this subject."""
        given = {**asdict(wish), "project": project}
        with self._database.transaction(PATIENCE) as connection:
            new = connection.execute(
                f"""
                insert into delivery (project, guid, event, subject, repository, actor,
                  environment, sha, reason)
                values (%(project)s, %(guid)s, %(event)s, %(subject)s, %(repository)s, %(actor)s,
                  %(environment)s, %(sha)s, %(reason)s)
                on conflict do nothing returning {COLUMNS}
                """,
                given,
            ).fetchone()
            row = (
                new
                or connection.execute(
                    f"select {COLUMNS} from delivery where project = %(project)s "
                    "and (guid = %(guid)s or subject = %(subject)s) order by number limit 1",
                    given,
                ).fetchone()
            )
        assert row is not None
        return as_delivery(row), new is not None

    def claim(self, project: str) -> Delivery | None:
        """The next one to try: the oldest that waits in its environment, when its time has come.
        Nobody else gets it for the next 30 s."""
        with self._database.transaction(PATIENCE) as connection:
            row = connection.execute(
                f"""
                update delivery set attempts = attempts + 1,
                  next_try_at = now() + make_interval(secs => %(claim)s)
                where (project, guid) = (
                  select project, guid from delivery as head
                  where project = %(project)s and state = 'waiting' and next_try_at <= now()
                    and not exists (select from delivery as older
                      where older.project = head.project and older.state = 'waiting'
                        and older.environment = head.environment and older.number < head.number)
                  order by number limit 1 for update skip locked)
                returning {COLUMNS}
                """,
                {"project": project, "claim": CLAIM},
            ).fetchone()
        return as_delivery(row) if row else None

    def started(self, delivery: Delivery, flow_run: str) -> Delivery:
        return self._change(
            delivery,
            "state = 'started', flow_run = %(value)s, problem = null, settled_at = now()",
            flow_run,
        )

    def refused(self, delivery: Delivery, problem: str) -> Delivery:
        return self._change(
            delivery, "state = 'refused', problem = %(value)s, settled_at = now()", problem
        )

    def put_off(self, delivery: Delivery, problem: str, seconds: float) -> Delivery:
        """To be tried again after so many seconds, and until then those behind it wait too."""
        until = f"next_try_at = now() + make_interval(secs => {float(seconds)})"
        return self._change(delivery, f"{until}, problem = %(value)s", problem)

    def of_request(self, project: str, request: str) -> Delivery | None:
        """The one that asked for a release under this name, if GitHub did."""
        guid = request.rpartition("/")[2]
        with self._database.transaction(PATIENCE) as connection:
            row = connection.execute(
                f"select {COLUMNS} from delivery where project = %s and guid = %s", (project, guid)
            ).fetchone()
        found = as_delivery(row) if row else None
        return found if found and found.request == request else None

    def recent(self, project: str, limit: int) -> list[Delivery]:
        """The newest first."""
        with self._database.transaction(PATIENCE) as connection:
            rows = connection.execute(
                f"select {COLUMNS} from delivery where project = %s order by number desc limit %s",
                (project, limit),
            ).fetchall()
        return [as_delivery(row) for row in rows]

    def _change(self, delivery: Delivery, change: str, value: str) -> Delivery:
        """As it is afterwards: one that somebody else has settled meanwhile keeps its state."""
        given = {"project": delivery.project, "guid": delivery.guid, "value": value}
        here = "where project = %(project)s and guid = %(guid)s"
        with self._database.transaction(PATIENCE) as connection:
            row = (
                connection.execute(
                    f"update delivery set {change} {here} and state = 'waiting' "
                    f"returning {COLUMNS}",
                    given,
                ).fetchone()
                or connection.execute(f"select {COLUMNS} from delivery {here}", given).fetchone()
            )
        assert row is not None
        return as_delivery(row)
