"""The tables `outbox` and `receipt`: what is told, kept until it has arrived.

In each destination a message goes only after all that were written before it. Nobody knows of a
message that was sent without an answer whether it has arrived: it is `uncertain`.
https://microservices.io/patterns/data/transactional-outbox.html
"""

from collections.abc import Mapping, Sequence
from typing import Any

from psycopg.types.json import Jsonb

from fairlead.model import Message, MessageKind, MessageOutcome, Outgoing
from fairlead.store.database import Database

CLAIM = 60  # seconds for one try; whoever died in it leaves the message to the next after that
COLUMNS = (
    "id, destination, subject, kind, final, body, written_at, attempts, uncertain, problem, "
    "outcome, ended_at, (select reference from receipt where receipt.project = outbox.project and "
    "receipt.destination = outbox.destination and receipt.subject = outbox.subject) as reference"
)
# What waits and nobody is sending.
_AT_REST = "ended_at is null and (claimed_until is null or claimed_until < now())"


def as_outgoing(row: Mapping[str, Any]) -> Outgoing:
    message = Message(
        row["destination"], row["subject"], MessageKind(row["kind"]), row["body"], row["final"]
    )
    outcome = MessageOutcome(row["outcome"]) if row["outcome"] else None
    own = ("id", "written_at", "attempts", "uncertain", "problem", "ended_at", "reference")
    return Outgoing(message=message, outcome=outcome, **{name: row[name] for name in own})


class Outbox:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put(self, project: str, messages: Sequence[Message]) -> None:
        """Keep them, to be sent in this order. A state takes the place of an older one of the same
        subject that has not been sent, and is tried when that would have been."""
        with self._database.transaction() as connection:
            for message in messages:
                given = {
                    "project": project,
                    "destination": message.destination,
                    "subject": message.subject,
                    "kind": message.kind,
                    "final": message.final,
                    "body": Jsonb(message.body),
                }
                connection.execute(
                    f"""
                    with older as (
                      update outbox set outcome = 'superseded', ended_at = now()
                      where project = %(project)s and destination = %(destination)s
                        and subject = %(subject)s and kind = 'state' and %(kind)s = 'state'
                        and {_AT_REST}
                      returning uncertain or claimed_until is not null as uncertain,
                        next_try_at, problem)
                    insert into outbox (project, destination, subject, kind, final, body, uncertain,
                      next_try_at, problem)
                    select %(project)s, %(destination)s, %(subject)s, %(kind)s, %(final)s, %(body)s,
                      coalesce(bool_or(uncertain), false), coalesce(max(next_try_at), now()),
                      max(problem)
                    from older
                    """,
                    given,
                )

    def claim(self, project: str, destinations: Sequence[str]) -> Outgoing | None:
        """The next one to send: the oldest that waits in its destination, when its time has come.
        Nobody else gets it for the next 60 s."""
        with self._database.transaction() as connection:
            row = connection.execute(
                f"""
                update outbox set attempts = attempts + 1,
                  uncertain = uncertain or claimed_until is not null,
                  claimed_until = now() + make_interval(secs => %(claim)s)
                where id = (
                  select id from outbox as head
                  where project = %(project)s and destination = any(%(destinations)s)
                    and next_try_at <= now() and {_AT_REST}
                    and not exists (select from outbox as older
                      where older.project = head.project and older.ended_at is null
                        and older.destination = head.destination and older.id < head.id)
                  order by id limit 1 for update skip locked)
                returning {COLUMNS}
                """,
                {"project": project, "claim": CLAIM, "destinations": list(destinations)},
            ).fetchone()
        return as_outgoing(row) if row else None

    def sent(self, project: str, sent: Outgoing, reference: str | None) -> None:
        """It has arrived; from now on `reference` is the message of its subject."""
        with self._database.transaction() as connection:
            connection.execute(
                "update outbox set outcome = 'sent', ended_at = now(), claimed_until = null, "
                "problem = null where id = %s and ended_at is null",
                (sent.id,),
            )
            if reference is not None:
                connection.execute(
                    "insert into receipt (project, destination, subject, reference) "
                    "values (%s, %s, %s, %s) on conflict (project, destination, subject) "
                    "do update set reference = excluded.reference",
                    (project, sent.message.destination, sent.message.subject, reference),
                )

    def put_off(self, tried: Outgoing, problem: str, *, seconds: float, uncertain: bool) -> None:
        """To be tried again after so many seconds, and until then those behind it wait too."""
        with self._database.transaction() as connection:
            connection.execute(
                "update outbox set next_try_at = now() + make_interval(secs => %s), "
                "claimed_until = null, problem = %s, uncertain = %s "
                "where id = %s and ended_at is null",
                (seconds, problem, uncertain, tried.id),
            )

    def hurry(self, project: str, subject: str) -> None:
        """What waits of it is due now."""
        with self._database.transaction() as connection:
            connection.execute(
                "update outbox set next_try_at = now(), problem = null "
                f"where project = %s and subject = %s and {_AT_REST}",
                (project, subject),
            )

    def give_up(self, tried: Outgoing, problem: str) -> None:
        with self._database.transaction() as connection:
            connection.execute(
                "update outbox set outcome = 'given_up', ended_at = now(), claimed_until = null, "
                "problem = %s where id = %s and ended_at is null",
                (problem, tried.id),
            )

    def give_up_old(self, project: str, seconds: float) -> None:
        """Of what has waited for so long nobody wants to hear any more."""
        with self._database.transaction() as connection:
            connection.execute(
                "update outbox set outcome = 'given_up', ended_at = now(), claimed_until = null, "
                "problem = coalesce(problem, 'nobody sent it: fairlead.toml has no such place') "
                f"where project = %s and written_at < now() - make_interval(secs => %s) "
                f"and {_AT_REST}",
                (project, seconds),
            )

    def forget(self, project: str, days: float) -> None:
        """What ended so long ago, and what the messages of such subjects are called."""
        with self._database.transaction() as connection:
            connection.execute(
                "delete from outbox where project = %s and ended_at < now() - make_interval("
                "secs => %s)",
                (project, days * 86_400),
            )
            connection.execute(
                "delete from receipt where project = %s and not exists (select from outbox where "
                "outbox.project = receipt.project and outbox.destination = receipt.destination "
                "and outbox.subject = receipt.subject)",
                (project,),
            )

    def of(self, project: str, subject: str) -> list[Outgoing]:
        """All that was to be told of it, the oldest first."""
        return self._where("project = %s and subject = %s order by id", (project, subject))

    def unsent(self, project: str) -> list[Outgoing]:
        """What waits, the oldest first."""
        return self._where("project = %s and ended_at is null order by id", (project,))

    def _where(self, condition: str, values: tuple[Any, ...]) -> list[Outgoing]:
        with self._database.transaction() as connection:
            rows = connection.execute(
                f"select {COLUMNS} from outbox where {condition}", values
            ).fetchall()
        return [as_outgoing(row) for row in rows]
