"""What PostgreSQL's catalog says is not whole: constraints that were never proven, indexes that a
failed CONCURRENTLY left, sequences that would give a number which is taken."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from psycopg import Connection, sql
from psycopg.rows import DictRow

BATCH = 100
OURS = "n.nspname !~ '^pg_' and n.nspname <> 'information_schema'"
# https://www.postgresql.org/docs/current/catalog-pg-constraint.html
NOT_VALID = f"""
select n.nspname as schema, c.relname as table, k.conname as name
from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n
  on n.oid = c.relnamespace
where not k.convalidated and {OURS} order by 1, 2, 3
"""  # noqa: S608 a constant
# https://www.postgresql.org/docs/current/sql-createindex.html#SQL-CREATEINDEX-CONCURRENTLY
INVALID = f"""
select n.nspname as schema, t.relname as table, c.relname as name
from pg_index i join pg_class c on c.oid = i.indexrelid join pg_class t on t.oid = i.indrelid
  join pg_namespace n on n.oid = c.relnamespace
where not (i.indisvalid and i.indisready) and c.relkind = 'i' and {OURS}
  and not exists (select from pg_stat_progress_create_index p where p.index_relid = i.indexrelid)
order by 1, 2, 3
"""  # noqa: S608 a constant
# A sequence of a serial or identity column whose highest value an index knows.
SEQUENCES = f"""
select n.nspname as schema, c.relname as table, a.attname as column,
  sn.nspname as sequence_schema, s.relname as sequence, q.seqincrement as step
from pg_depend d
  join pg_class s on s.oid = d.objid and s.relkind = 'S'
  join pg_namespace sn on sn.oid = s.relnamespace
  join pg_sequence q on q.seqrelid = s.oid
  join pg_class c on c.oid = d.refobjid
  join pg_namespace n on n.oid = c.relnamespace
  join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid
where d.classid = 'pg_class'::regclass and d.refclassid = 'pg_class'::regclass
  and d.deptype in ('a', 'i') and q.seqincrement > 0 and not q.seqcycle and {OURS}
  and exists (select from pg_index i where i.indrelid = c.oid and i.indisvalid
    and i.indkey[0] = a.attnum and i.indpred is null)
order by 1, 2, 3
"""  # noqa: S608 a constant


def broken(connection: Connection[DictRow], not_valid: Sequence[str] = ()) -> list[str]:
    """A line for each. Constraints with names in `not_valid` are left so on purpose."""
    constraints = connection.execute(NOT_VALID).fetchall()
    indexes = connection.execute(INVALID).fetchall()
    return [
        *(
            f"constraint {row['name']} of {_table(row)} is not valid: its rows were never checked"
            for row in constraints
            if row["name"] not in not_valid
        ),
        *(
            f"index {row['name']} of {_table(row)} is invalid: it was not built to its end"
            for row in indexes
        ),
        *_behind(connection),
    ]


def _behind(connection: Connection[DictRow]) -> Iterator[str]:
    """Sequences whose next number is not above the highest of their column."""
    found = connection.execute(SEQUENCES).fetchall()
    for at in range(0, len(found), BATCH):
        batch = found[at : at + BATCH]
        for row in connection.execute(_highest(batch)).fetchall():
            of = batch[row["number"]]
            coming = row["last_value"] + (of["step"] if row["is_called"] else 0)
            if row["highest"] is not None and row["highest"] >= coming:
                yield (
                    f"the sequence of {_table(of)}.{of['column']} comes to {coming}, and the "
                    f"column is at {row['highest']}"
                )


def _highest(sequences: Sequence[Mapping[str, Any]]) -> sql.Composed:
    return sql.SQL(" union all ").join(
        sql.SQL(
            "select {} as number, (select max({}) from {}) as highest, last_value, is_called "
            "from {}"
        ).format(
            sql.Literal(number),
            sql.Identifier(one["column"]),
            sql.Identifier(one["schema"], one["table"]),
            sql.Identifier(one["sequence_schema"], one["sequence"]),
        )
        for number, one in enumerate(sequences)
    )


def _table(row: Mapping[str, Any]) -> str:
    return f"{row['schema']}.{row['table']}"
