"""What a database holds, so that two can be compared: tables, rows, sequences, constraints."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import DictRow

from fairlead.database.backup.contents import Wanted

OURS = """
  n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and c.relpersistence <> 't'
  and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
    and d.objid = c.oid and d.deptype = 'e')
"""
RELATIONS = f"""
select c.oid, format('%I.%I', n.nspname, c.relname) as name, n.nspname, c.relname,
  c.relkind::text as kind
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'S') and {OURS} order by 2
"""  # noqa: S608 constants
# The text of a check or of an index's predicate is another one once it was dumped and read again;
# that of keys is not.
CONSTRAINTS = f"""
select format('%I.%I %I %s%s', n.nspname, c.relname, k.conname, case when k.contype in
  ('p', 'u', 'f') then pg_get_constraintdef(k.oid) else k.contype::text end,
  case when k.convalidated then '' else ' not valid' end) as words
from pg_constraint k join pg_class c on c.oid = k.conrelid
join pg_namespace n on n.oid = c.relnamespace where {OURS}
"""  # noqa: S608 constants
INDEXES = f"""
select format('%I.%I %I (%s)%s%s', n.nspname, c.relname, x.relname,
  (select string_agg(a.attname, ', ' order by a.attnum) from pg_attribute a
     where a.attrelid = x.oid),
  case when i.indisunique then ' unique' else '' end,
  case when i.indisvalid then '' else ' invalid' end) as words
from pg_index i join pg_class x on x.oid = i.indexrelid join pg_class c on c.oid = i.indrelid
join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'p', 'm') and {OURS}
"""  # noqa: S608 constants
SEQUENCES = """
select format('%I.%I', schemaname, sequencename) as name, last_value from pg_sequences
"""
AT_ONCE = 200  # tables counted by one statement


@dataclass(frozen=True, slots=True)
class Holding:
    """`wanted` is for the table of contents; `names` the schema and name of each table with rows;
    `sequences` their last values, None where none was taken yet."""

    wanted: Wanted
    names: Mapping[str, tuple[str, str]]
    sequences: Mapping[str, int | None]
    constraints: frozenset[str]
    indexes: frozenset[str]

    @property
    def counts(self) -> dict[str, int]:
        return {
            "tables": len(self.wanted.tables),
            "sequences": len(self.wanted.sequences),
            "constraints": len(self.constraints),
            "indexes": len(self.indexes),
        }


def holding(connection: Connection[DictRow], database: str) -> Holding:
    """As the connection's snapshot has it."""
    connection.execute("select set_config('search_path', '', true)")
    relations = connection.execute(RELATIONS).fetchall()
    sequences = [row for row in relations if row["kind"] == "S"]
    tables = [row for row in relations if row["kind"] != "S"]
    plain = [row for row in tables if row["kind"] == "r"]
    ours = {row["name"] for row in sequences}
    return Holding(
        Wanted(database, *({row["oid"]: row["name"] for row in of}
                           for of in (tables, plain, sequences))),
        {row["name"]: (row["nspname"], row["relname"]) for row in plain},
        {name: value for name, value in last_values(connection).items() if name in ours},
        _words(connection, CONSTRAINTS),
        _words(connection, INDEXES),
    )  # fmt: skip


def last_values(connection: Connection[DictRow]) -> dict[str, int | None]:
    return {row["name"]: row["last_value"] for row in connection.execute(SEQUENCES).fetchall()}


def _words(connection: Connection[DictRow], statement: str) -> frozenset[str]:
    rows = connection.execute(statement.encode()).fetchall()
    return frozenset(str(row["words"]) for row in rows)


def count_rows(
    connection: Connection[DictRow], names: Mapping[str, tuple[str, str]], snapshot: str | None
) -> dict[str, int]:
    """Of each table; in `snapshot`, where one is given. A transaction for each part, so that not
    all tables are locked at once."""
    found: dict[str, int] = {}
    pairs = list(names.items())
    for at in range(0, len(pairs), AT_ONCE):
        with connection.transaction():
            connection.execute("set transaction isolation level repeatable read read only")
            if snapshot:
                connection.execute(
                    sql.SQL("set transaction snapshot {}").format(sql.Literal(snapshot))
                )
            rows = connection.execute(_counting(pairs[at : at + AT_ONCE])).fetchall()
            found |= {row["name"]: row["count"] for row in rows}
    return found


def _counting(pairs: Sequence[tuple[str, tuple[str, str]]]) -> sql.Composed:
    parts = [
        sql.SQL("select {} as name, count(*) as count from only {}").format(
            sql.Literal(name), sql.Identifier(*where)
        )
        for name, where in pairs
    ]
    return sql.SQL(" union all ").join(parts)


def differences(
    source: Holding, copy: Holding, later: Mapping[str, int | None] | None = None
) -> Iterator[str]:
    """How `copy` differs, a line each; pure. Sequences know no snapshot: where `later` has what
    they had come to afterwards, anything between is right."""
    parts = (
        ("table", set(source.wanted.tables.values()), set(copy.wanted.tables.values())),
        ("constraint", source.constraints, copy.constraints),
        ("index", source.indexes, copy.indexes),
        ("sequence", set(source.sequences), set(copy.sequences)),
    )
    for what, wanted, found in parts:
        yield from (f"the {what} {name} is missing" for name in sorted(wanted - found))
        yield from (f"the {what} {name} is there too" for name in sorted(found - wanted))
    for name, least in source.sequences.items():
        most = (later or source.sequences).get(name)
        found_value = copy.sequences.get(name)
        if name in copy.sequences and not (least or 0) <= (found_value or 0) <= (most or 0):
            yield f"the sequence {name} is at {found_value}, not at {least}"


def other_counts(source: Mapping[str, int], copy: Mapping[str, int]) -> Iterator[str]:
    """Which tables have other rows, a line each; pure."""
    for name, count in source.items():
        if name in copy and copy[name] != count:
            yield f"{name} has {copy[name]} rows, not {count}"
