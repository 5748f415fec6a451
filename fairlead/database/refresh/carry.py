"""UAT's own rows, brought into its new database: set by set, in one transaction.

Both databases are at the same migrations by then, and the new one has its keys. Rows with the same
key are replaced; a tenant comes with its schema and with what the shared tables say of it, and
takes the place of nobody.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.backup.beside import connected
from fairlead.database.backup.programs import Programs
from fairlead.database.masking.catalog import settle
from fairlead.database.masking.session import reason
from fairlead.database.refresh.arriving import Arriving
from fairlead.database.refresh.picks import Picks
from fairlead.database.refresh.relations import Name, called, foreign_keys, relations, words
from fairlead.database.refresh.removal import Removal, listed, removals
from fairlead.database.refresh.schemas import bring_schemas
from fairlead.database.refresh.tenants import find_tenants
from fairlead.errors import CarryFailed, CarryUnfit

NAME = "fairlead carry"
TRIED = "The database of before is as it was. "


@dataclass(frozen=True, slots=True)
class Own:
    """What an environment keeps of its own: `rows` are a table's name (in every schema that has it,
    or `schema.table`) and an SQL condition, `tenants` come whole."""

    environment: str
    rows: Sequence[tuple[str, str]] = ()
    tenants: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Carried:
    """How many rows by table; those of `tenants` are not counted. `left` are schemas whose rows
    stay behind, because the new database does not have them."""

    rows: Mapping[str, int] = field(default_factory=dict)
    tenants: Sequence[str] = ()
    left: Sequence[str] = ()

    @property
    def words(self) -> str:
        count = sum(self.rows.values())
        parts = [f"{count} rows of {len(self.rows)} tables"] if self.rows else []
        parts += [f"the tenants {', '.join(self.tenants)}"] if self.tenants else []
        return " and ".join(parts) or "nothing"


def check_carry(conninfo: str, own: Own) -> None:
    """Whether what is to survive is in the database that is there now. Raises CarryUnfit."""
    with _session(conninfo) as old:
        there, known = find_tenants(old).schemas, relations(old)
        problems = [f'there is no tenant "{name}"' for name in own.tenants if name not in there]
        for table, where in own.rows:
            found = [one.name for one in known if called(one, table)]
            problems += [] if found else [f'there is no table "{table}"']
            for name in found:
                problems += _unfit(old, name, where)
    if problems:
        raise CarryUnfit(own.environment, problems)


def _unfit(old: Connection[DictRow], table: Name, where: str) -> list[str]:
    try:
        with old.transaction(force_rollback=True):
            _enter(old, table)
            old.execute(
                sql.SQL("select from {} as a where ({}\n) limit 0").format(
                    sql.Identifier(*table), sql.SQL(where)
                )
            )
    except psycopg.Error as error:
        return [f"{words(table)} where {where}: {reason(error)}"]
    return []


def carry(old: str, new: str, own: Own, *, programs: Programs, folder: Path) -> Carried:
    """From the database `old` into `new`, which nobody else uses yet. `folder` is for the tenants
    on their way, readable by us only. Raises CarryFailed."""
    if not own.rows and not own.tenants:
        return Carried()
    try:
        with ExitStack() as stack:
            leaving = stack.enter_context(_session(old))
            arriving = stack.enter_context(_session(new))
            stack.enter_context(leaving.transaction())
            leaving.execute("set transaction isolation level repeatable read")
            picks = Picks(own.environment, leaving, arriving, own.tenants)
            left = _pick(own, leaving, arriving, picks)
            picks.close()
            rows = Arriving(own.environment, leaving, arriving, picks).bring()
    except psycopg.Error as error:
        raise CarryFailed(own.environment, "its database", reason(error), TRIED) from None
    if own.tenants:
        bring_schemas(old, new, own.environment, own.tenants, programs, folder)
    return Carried(rows, own.tenants, left)


def _pick(
    own: Own, old: Connection[DictRow], new: Connection[DictRow], picks: Picks
) -> Sequence[str]:
    """The schemas that the new database does not have."""
    for removal in _of_tenants(old, own.tenants):
        picks.add(removal.table, removal.condition("a"))
    for of_tenants in picks.tables:
        _check_free(own.environment, picks, of_tenants)
    schemas = {one.name[0] for one in relations(new)}
    left: dict[str, None] = {}
    for table, where in own.rows:
        for one in relations(old):
            if one.name != one.root or one.name[0] in own.tenants or not called(one, table):
                continue
            if one.name[0] not in schemas:
                left[one.name[0]] = None
                continue
            _enter(old, one.name)
            picks.add(one.name, sql.SQL(where))
    old.execute("select set_config('search_path', 'pg_catalog', false)")
    return tuple(left)


def _of_tenants(old: Connection[DictRow], tenants: Sequence[str]) -> Iterator[Removal]:
    """What the shared tables say of them."""
    table = find_tenants(old).table
    if tenants and table is not None:
        first = Removal(table, listed(list(tenants), stay=False))
        yield from reversed(removals(first, foreign_keys(old), without=()))


def _check_free(environment: str, picks: Picks, table: Name) -> None:
    if taken := picks.taken(table):
        key = ", ".join(picks.shapes[table].key)
        raise CarryFailed(
            environment,
            words(table),
            f"{taken} rows of the tenants have a number ({key}) that rows of production have too",
            "Give those of the old database numbers that production does not reach, and have "
            "its sequence begin there.",
        )


def _enter(connection: Connection[DictRow], table: Name) -> None:
    """The condition may name other tables of its schema and the shared ones."""
    path = sql.SQL(", ").join(sql.Identifier(name) for name in (table[0], "public"))
    connection.execute("select set_config('search_path', %s, false)",
                       (path.as_string(connection),))  # fmt: skip


@contextmanager
def _session(conninfo: str) -> Iterator[Connection[DictRow]]:
    with connected(conninfo, NAME) as connection:
        settle(connection)
        yield connection
