"""The data, looked at before it is migrated and after."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.config import Check, Config
from fairlead.database.checks.assertions import untrue
from fairlead.database.checks.catalog import broken
from fairlead.database.checks.rows import Counts, count_rows, lost_rows
from fairlead.database.connect import connect


@dataclass(frozen=True, slots=True)
class Before:
    """How the data was: the rows of the tables that must keep them, and what was broken already."""

    rows: Counts = field(default_factory=dict)
    broken: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class After:
    """What is wrong now that the database is migrated, and what was wrong before."""

    problems: Sequence[str]
    known: Sequence[str]


def look_before(conninfo: str, config: Config) -> Before:
    """Raises psycopg.Error."""
    with _reading(conninfo, config) as connection:
        rows = count_rows(connection, list(config.migrations.may_shrink))
        return Before(rows, broken(connection, config.migrations.not_valid))


def look_after(conninfo: str, config: Config, before: Before, checks: Sequence[Check]) -> After:
    """Raises psycopg.Error."""
    may_shrink = config.migrations.may_shrink
    with _reading(conninfo, config) as connection:
        found = broken(connection, config.migrations.not_valid)
        rows = count_rows(connection, list(may_shrink))
        return After(
            problems=[
                *(line for line in found if line not in before.broken),
                *lost_rows(before.rows, rows, may_shrink),
                *untrue(connection, checks),
            ],
            known=[line for line in found if line in before.broken],
        )


@contextmanager
def _reading(conninfo: str, config: Config) -> Iterator[Connection[DictRow]]:
    """It cannot write, waits for no lock for long, and for no query for ever."""
    settings = {
        "default_transaction_read_only": "on",
        "lock_timeout": f"{round(config.migrations.lock_timeout * 1000)}",
        "statement_timeout": f"{round(config.migrations.timeout * 1000)}",
    }
    with connect(conninfo, "fairlead checks") as connection:
        for name, value in settings.items():
            connection.execute("select set_config(%s, %s, false)", (name, value))
        yield connection
