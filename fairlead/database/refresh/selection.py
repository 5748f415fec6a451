"""Which of production's rows are taken, decided from its catalog before anything is dumped.

Tables whose rows are left out keep their shape; schemas of tenants that are left out do not come
at all, and what the shared tables say of these tenants is removed from the copy before it is
masked. Foreign keys that would break are found before, and named.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.backup.programs import Programs
from fairlead.database.refresh.identity import SCHEMA as MARK
from fairlead.database.refresh.relations import (
    ForeignKey,
    Name,
    Relation,
    called,
    foreign_keys,
    relations,
    words,
)
from fairlead.database.refresh.removal import Removal, broken, carry_out, listed, removals
from fairlead.database.refresh.tenants import Tenants, find_tenants
from fairlead.errors import SelectionUnfit

ENTRY = re.compile(r"\d+; \d+ \d+ ")  # of pg_restore --list: its number, catalog, OID
FILTERS_SINCE = 17  # pg_dump --filter
MANY = 100  # arguments, beyond which they go into a file where that is possible
# What in a schema that is taken is made of something in one that is not: views, defaults, types.
ACROSS = """
with uses as (
  select distinct coalesce(r.ev_class, d.adrelid, c.oid) as user_id,
    coalesce(rc.relnamespace, rt.typnamespace, rp.pronamespace) as used
  from pg_depend p
    left join pg_rewrite r on p.classid = 'pg_rewrite'::regclass and r.oid = p.objid
    left join pg_attrdef d on p.classid = 'pg_attrdef'::regclass and d.oid = p.objid
    left join pg_class c on p.classid = 'pg_class'::regclass and c.oid = p.objid
    left join pg_class rc on p.refclassid = 'pg_class'::regclass and rc.oid = p.refobjid
    left join pg_type rt on p.refclassid = 'pg_type'::regclass and rt.oid = p.refobjid
    left join pg_proc rp on p.refclassid = 'pg_proc'::regclass and rp.oid = p.refobjid)
select distinct n.nspname::text as schema, c.relname::text as name, o.nspname::text as other
from uses u join pg_class c on c.oid = u.user_id join pg_namespace n on n.oid = c.relnamespace
  join pg_namespace o on o.oid = u.used
where o.nspname = any(%(out)s) and n.nspname <> all(%(out)s) and n.nspname !~ '^pg_'
order by 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """`schemas` do not come at all; of `tables` no row does, partitions by themselves among them.
    `tenants` are those that come; `removals` what is to be removed from the copy."""

    schemas: tuple[str, ...]
    tables: tuple[Name, ...]
    tenants: tuple[str, ...]
    removals: tuple[Removal, ...]

    def dump_options(self, programs: Programs, folder: Path) -> list[str]:
        """Of pg_dump(1). Names are patterns there, which quotes take as they are. Many go into a
        file in `folder`, where this pg_dump reads one."""
        schemas = [sql.Identifier(name).as_string(None) for name in self.schemas]
        tables = [sql.Identifier(*name).as_string(None) for name in self.tables]
        if len(schemas) + len(tables) > MANY and programs.major >= FILTERS_SINCE:
            lines = [f"exclude schema {name}" for name in schemas]
            lines += [f"exclude table_data {name}" for name in tables]
            path = folder / "selection"
            path.write_text("\n".join([*lines, ""]), encoding="utf-8")
            return [f"--filter={path}"]
        return [
            *(f"--exclude-schema={name}" for name in schemas),
            *(f"--exclude-table-data={name}" for name in tables),
        ]

    def restore_options(self, listing: str, folder: Path, without: Iterable[str] = ()) -> list[str]:
        """Of pg_restore(1), to take the same out of a whole dump; `listing` is what its --list
        says, and entries that begin like those of `without` are not taken either. What is of the
        schemas themselves is in none of them."""
        starts = [*without]
        starts += [f"TABLE DATA {schema} {table} " for schema, table in self.tables]
        for name in self.schemas:
            starts += [f"SCHEMA - {name} ", f"ACL - SCHEMA {name} ", f"COMMENT - SCHEMA {name} "]
        path = folder / "contents"
        kept = (line for line in listing.splitlines() if not _begins(line, starts))
        path.write_text("\n".join([*kept, ""]), encoding="utf-8")
        return [f"--use-list={path}", *(f"--exclude-schema={name}" for name in self.schemas)]

    def remove_rows(self, connection: Connection[DictRow]) -> int:
        """From the copy, once it has its data and before it is masked. How many they were."""
        return sum(carry_out(connection, removal) for removal in self.removals)


def select(
    connection: Connection[DictRow],
    environment: str,
    *,
    leave_out: Sequence[str] = (),
    tenants: Sequence[str] = (),
    carry_tenants: Sequence[str] = (),
) -> Selection:
    """Of the database that `connection` reads, that of `environment`. All tenants come where none
    are named; `carry_tenants` come from elsewhere, so that these here do not. Best asked in the
    snapshot that is dumped. Raises SelectionUnfit."""
    found = find_tenants(connection)
    out = {MARK, *_left_out(found, tenants, carry_tenants)}
    known = [table for table in relations(connection) if table.root[0] not in out]
    keys = [key for key in foreign_keys(connection) if key.table[0] not in out]
    left = [table for table in known if any(called(table, name) for name in leave_out)]
    without = {table.name for table in left}
    _refuse(environment, _unknown(found, known, tenants, leave_out))
    gone: tuple[Removal, ...] = ()
    if found.table and found.table not in without and len(out) > 1:
        gone = removals(_first(found, found.table, tenants, out), keys, without=without)
    _refuse(environment, _across(connection, keys, out))
    _refuse(environment, broken(connection, keys, gone, without))
    return Selection(
        tuple(sorted(out)),
        tuple(table.name for table in left if not table.partitioned),
        tuple(name for name in found.schemas if name not in out),
        gone,
    )


def _refuse(environment: str, problems: Iterable[str]) -> None:
    if lines := list(problems):
        raise SelectionUnfit(environment, lines)


def _left_out(found: Tenants, tenants: Sequence[str], carried: Sequence[str]) -> set[str]:
    wanted = set(tenants or found.schemas).difference(carried)
    return set(found.schemas).difference(wanted)


def _unknown(
    found: Tenants, known: Sequence[Relation], tenants: Sequence[str], leave_out: Sequence[str]
) -> Iterator[str]:
    for name in tenants:
        if name not in found.schemas:
            yield f'there is no tenant "{name}"'
    for name in leave_out:
        if not any(called(table, name) for table in known):
            yield f'there is no table "{name}" to leave out'


def _first(found: Tenants, table: Name, tenants: Sequence[str], out: set[str]) -> Removal:
    """Named tenants are all that comes, also where another one was made a moment ago."""
    stay = [found.shared, *(name for name in tenants if name not in out)]
    condition = listed(stay, stay=True) if tenants else listed(sorted(out), stay=False)
    return Removal(table, condition)


def _begins(line: str, starts: Sequence[str]) -> bool:
    """What follows is the owner: a name that only begins alike has more words."""
    entry = ENTRY.match(line)
    rest = line[entry.end() :] if entry else ""
    return any(rest.startswith(start) and " " not in rest.removeprefix(start) for start in starts)


def _across(
    connection: Connection[DictRow], keys: Sequence[ForeignKey], out: set[str]
) -> Iterator[str]:
    for row in connection.execute(ACROSS, {"out": list(out)}).fetchall():
        yield (
            f"{row['schema']}.{row['name']} is made of what is in the schema {row['other']}, "
            "which is left out"
        )
    for key in keys:
        if key.other[0] in out:
            yield f"{key} refers to {words(key.other)}, whose schema is left out"
