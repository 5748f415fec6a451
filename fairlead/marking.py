"""Marking the database of an environment as its own, so that a refresh may fill it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.database.backup.beside import connected
from fairlead.database.refresh.identity import Identity, Mark, identify, write_mark
from fairlead.errors import CannotMark, FairleadError
from fairlead.lease import hold
from fairlead.model import size
from fairlead.project import Project
from fairlead.saving import translated, way_to
from fairlead.store.database import address

Agree = Callable[[Sequence[str]], object]  # is told what would be marked, and raises to say no
TABLES = """
select count(*) as count, count(distinct relnamespace) as schemas from pg_class
where relkind in ('r', 'p') and oid >= 16384
"""


def mark(project: Project, environment: str, *, made_by: str, agree: Agree) -> Identity:
    """What is marked now, and may have been before.

    Raises CannotMark, CannotSave where there is no database, DatabaseUnreachable, LeaseHeld.
    """
    config = project.config
    config.environment(environment)
    with (
        hold(project.store, config.project, environment, ttl=config.lease_ttl),
        _to(project, environment) as (connection, own),
    ):
        if own.mark is not None:
            _check_same(config.project, own, own.mark)
            return own
        others, unasked = _others(project, environment)
        _check_unlike(own, others)
        agree([*_shown(connection, own), *unasked])
        write_mark(connection, Mark(config.project, environment, made_by))
        return identify(connection, environment, own.address)


@contextmanager
def _to(project: Project, environment: str) -> Iterator[tuple[Connection[DictRow], Identity]]:
    with (
        way_to(project, environment) as conninfo,
        translated(environment, conninfo),
        connected(conninfo, "fairlead mark") as connection,
    ):
        yield connection, identify(connection, environment, address(conninfo))


def _others(project: Project, environment: str) -> tuple[list[Identity], list[str]]:
    """Those of the other environments, and a line for each that does not answer."""
    found, unasked = [], []
    for name, settings in project.config.environments.items():
        if name == environment or settings.database is None:
            continue
        try:
            with _to(project, name) as (_, identity):
                found.append(identity)
        except FairleadError as error:
            unasked.append(f"it was not compared with that of {name}: {error.summary}")
    return found, unasked


def _check_same(project: str, own: Identity, there: Mark) -> None:
    if not there.is_of(project, own.environment):
        raise CannotMark(
            str(own),
            f"it is marked as that of {there}",
            f"Correct environments.{own.environment}.database. Where it has changed hands, an "
            "owner may: DROP SCHEMA fairlead_mark CASCADE",
        )


def _check_unlike(own: Identity, others: Sequence[Identity]) -> None:
    for other in others:
        if own.is_same(other):
            raise CannotMark(
                str(own),
                f"it is that of {other} too",
                f"Correct environments.{own.environment}.database.",
            )


def _shown(connection: Connection[DictRow], own: Identity) -> Iterator[str]:
    counted = connection.execute(TABLES).fetchone()
    assert counted is not None
    yield f'the database "{own.database}" at {own.address}, server {own.system}'
    yield f"{counted['count']} tables in {counted['schemas']} schemas, {size(own.bytes)}"
    yield "what is in it now will be replaced by each refresh"
