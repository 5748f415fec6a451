"""Which database is whose: the mark in it, and why source and target cannot be mistaken.

The mark is a row in the database itself, which no config can write by mistake: only
`fairlead refresh mark` does, after it has shown which database that is. The new database of a
refresh gets that of the old one; nothing that is dumped carries one over.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.errors import WrongDatabase

SCHEMA = "fairlead_mark"
MAKE = f"""
create schema {SCHEMA};
create table {SCHEMA}.environment (
  only_one boolean primary key default true check (only_one),
  project text not null,
  environment text not null,
  marked_at timestamptz not null default now(),
  marked_by text not null);
comment on table {SCHEMA}.environment is
  'Whose database this is: a refresh fills no other. Written by: fairlead refresh mark';
grant usage on schema {SCHEMA} to public;
grant select on {SCHEMA}.environment to public
"""
WHICH = """
select current_database() as database, pg_database_size(current_database()) as bytes,
  (select system_identifier::text from pg_control_system()) as system,
  exists (select from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = %s and c.relname = 'environment') as marked
"""
MARK = f"select project, environment, marked_at, marked_by from {SCHEMA}.environment"  # noqa: S608
WRITE = f"""
insert into {SCHEMA}.environment (project, environment, marked_at, marked_by)
values (%s, %s, coalesce(%s, now()), %s)
"""  # noqa: S608 a constant


@dataclass(frozen=True, slots=True)
class Mark:
    """`marked_at` is None for one that is written now."""

    project: str
    environment: str
    marked_by: str
    marked_at: datetime | None = None

    def is_of(self, project: str, environment: str) -> bool:
        return (self.project, self.environment) == (project, environment)

    def __str__(self) -> str:
        when = f" since {self.marked_at:%Y-%m-%d %H:%M}" if self.marked_at else ""
        return f"{self.environment} of {self.project}{when}, by {self.marked_by}"


@dataclass(frozen=True, slots=True)
class Identity:
    """The database that the config says is of `environment`, as its server knows it. `address` is
    how it was reached, `system` what the server is called by whatever name it is reached."""

    environment: str
    address: str
    system: str
    database: str
    bytes: int
    mark: Mark | None

    def is_same(self, other: "Identity") -> bool:
        return (self.system, self.database) == (other.system, other.database)

    def __str__(self) -> str:
        return f"{self.environment} ({self.address}, server {self.system})"


def identify(connection: Connection[DictRow], environment: str, address: str) -> Identity:
    row = connection.execute(WHICH, (SCHEMA,)).fetchone()
    assert row is not None
    found = connection.execute(MARK).fetchone() if row["marked"] else None
    return Identity(
        environment,
        address,
        row["system"],
        row["database"],
        row["bytes"],
        Mark(**found) if found else None,
    )


def write_mark(connection: Connection[DictRow], mark: Mark) -> None:
    """Into a database that has none."""
    with connection.transaction():
        connection.execute(MAKE.encode())
        values = (mark.project, mark.environment, mark.marked_at, mark.marked_by)
        connection.execute(WRITE, values)


def check_pair(
    project: str, source: Identity, target: Identity, *, productions: Collection[str]
) -> None:
    """Whether `target` may be filled from `source`; `productions` are environments that nothing
    fills. Pure. Raises WrongDatabase."""
    name = target.environment

    def refuse(why: str, next_step: str) -> None:
        raise WrongDatabase(str(source), str(target), why, next_step)

    if name in productions or name == source.environment:
        refuse(f"{name} is production", "Refresh another one; production is only ever read.")
    if source.is_same(target):
        refuse(
            f'both are the database "{target.database}" of the same server',
            f"Correct environments.{name}.database. A server that was copied with its disk keeps "
            "its identifier: give one of the two databases another name.",
        )
    if target.mark is None:
        refuse(
            f"the database of {name} does not say that it is {name}'s",
            f"Look whether it is, then: fairlead refresh mark {name}",
        )
    elif not target.mark.is_of(project, name):
        refuse(
            f"the database of {name} is marked as that of {target.mark}",
            f"Correct environments.{name}.database.",
        )
    if source.mark is not None and not source.mark.is_of(project, source.environment):
        refuse(
            f"the database of {source.environment} is marked as that of {source.mark}",
            f"Correct environments.{source.environment}.database, or "
            f"environments.{name}.refresh.url.",
        )
