"""How many rows the tables have that must not lose any."""

from collections.abc import Iterator, Mapping, Sequence

from psycopg import Connection, sql
from psycopg.rows import DictRow

Table = tuple[str, str]  # schema and name
Counts = Mapping[Table, int]

BATCH = 100  # tables in one statement: each is locked by it
FIND = """
select n.nspname as schema, c.relname as name from pg_class c join pg_namespace n
  on n.oid = c.relnamespace
where c.relkind in ('r', 'p') and not c.relispartition and n.nspname !~ '^pg_'
  and n.nspname <> 'information_schema'
  and (c.relname = any(%(names)s) or n.nspname || '.' || c.relname = any(%(names)s))
order by 1, 2
"""


def count_rows(connection: Connection[DictRow], names: Sequence[str]) -> Counts:
    """Of each table of such a name: `orders` in all schemas that have one, or `public.orders`."""
    found = connection.execute(FIND, {"names": list(names)}).fetchall()
    tables = [(row["schema"], row["name"]) for row in found]
    counts: dict[Table, int] = {}
    for at in range(0, len(tables), BATCH):
        batch = tables[at : at + BATCH]
        rows = connection.execute(_counting(batch)).fetchall()
        counts |= {batch[row["number"]]: row["count"] for row in rows}
    return counts


def _counting(tables: Sequence[Table]) -> sql.Composed:
    return sql.SQL(" union all ").join(
        sql.SQL("select {} as number, count(*) as count from {}").format(
            sql.Literal(number), sql.Identifier(*table)
        )
        for number, table in enumerate(tables)
    )


def lost_rows(before: Counts, after: Counts, may_shrink: Mapping[str, float]) -> Iterator[str]:
    """Pure: a line for each table that has lost more of its rows than that share of them."""
    for table, had in before.items():
        schema, name = table
        share = may_shrink.get(f"{schema}.{name}", may_shrink.get(name, 0.0))
        has = after.get(table)
        if has is None:
            yield f"{schema}.{name} had {had} rows and is not there any more"
        elif has < had * (1 - share):
            allowed = f"; {share:.0%} may go" if share else ""
            yield f"{schema}.{name} has {has} rows, and had {had} before{allowed}"
