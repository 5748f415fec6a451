"""What a schema is made of, as one value: two schemas with the same one take the same SQL."""

from __future__ import annotations

import re
from typing import Any, Dict, Iterable, List, Optional, Set, Tuple

from .connections import Connections

# Each query reads all of pg_class, and holds the lines of so many schemas in memory.
BATCH = 500
# Columns by their order, not by attnum: a dropped column leaves a gap there that means nothing.
# Not pg_get_indexdef: it takes longer than all the rest together.
LINES = """
with space as materialized (
  select oid, nspname, quote_ident(nspname) || '.' as prefix
  from pg_namespace where nspname = any(%(schemas)s)
), relation as materialized (
  select c.* from pg_class c join space on space.oid = c.relnamespace
  where c.relkind not in ('i', 'I', 't')
), wanted as materialized (
  select * from relation where %(names)s::text[] is null or relname = any(%(names)s)
), attribute as materialized (
  select a.* from relation c join pg_attribute a on a.attrelid = c.oid
  where c.relkind in ('r', 'p', 'f') and a.attnum > 0
), gap as materialized (
  select attrelid, array_agg(attnum) as dropped from attribute where attisdropped group by attrelid
), part (space, name, line) as (
  select c.relnamespace, c.relname, concat_ws(' ', 'relation', c.relkind, c.relname,
    c.relpersistence, c.relrowsecurity, c.relispartition, array_to_string(c.reloptions, ','),
    case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end)
  from wanted c
  union all
  select c.relnamespace, c.relname, concat_ws(' ', 'column', c.relname,
    a.attnum - case when gap.dropped is null then 0
      else (select count(*) from unnest(gap.dropped) d where d < a.attnum) end, a.attname,
    format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated,
    nullif(a.attcollation, t.typcollation)::text,
    case when a.atthasdef then (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
      where d.adrelid = a.attrelid and d.adnum = a.attnum) end)
  from wanted c join attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
    left join gap on gap.attrelid = c.oid
  where not a.attisdropped
  union all
  select c.relnamespace, c.relname, concat_ws(' ', 'constraint', c.relname, k.conname,
    k.convalidated, DEFINED)
  from pg_constraint k join wanted c on c.oid = k.conrelid
    left join relation other on other.oid = k.confrelid and other.relnamespace = c.relnamespace
    left join gap on gap.attrelid = k.conrelid left join gap away on away.attrelid = other.oid
  union all
  select c.relnamespace, c.relname, concat_ws(' ', 'index', x.relname, 'on', c.relname,
    i.indisvalid, i.indisunique, i.indisprimary, i.indimmediate, i.indnkeyatts, DISTINCT_NULLS,
    i.indclass, i.indoption, i.indcollation, x.relam, array_to_string(x.reloptions, ','),
    COLUMNS(i.indkey, gap),
    pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid))
  from wanted c join pg_index i on i.indrelid = c.oid join pg_class x on x.oid = i.indexrelid
    left join gap on gap.attrelid = c.oid
  union all
  select c.relnamespace, c.relname, concat_ws(' ', 'sequence', c.relname,
    format_type(s.seqtypid, null), s.seqincrement, s.seqmin, s.seqmax, s.seqstart, s.seqcycle)
  from pg_sequence s join wanted c on c.oid = s.seqrelid
  union all
  select c.relnamespace, c.relname,
    concat_ws(' ', 'trigger', t.tgenabled, pg_get_triggerdef(t.oid))
  from pg_trigger t join wanted c on c.oid = t.tgrelid
  where not t.tgisinternal
  union all
  select p.pronamespace, '', concat_ws(' ', 'function', pg_get_functiondef(p.oid))
  from pg_proc p where p.pronamespace in (select oid from space) and p.prokind in ('f', 'p')
  union all
  select t.typnamespace, '', concat_ws(' ', 'type', t.typtype, t.typname,
    format_type(t.typbasetype, t.typtypmod), e.enumsortorder, e.enumlabel)
  from pg_type t left join pg_enum e on e.enumtypid = t.oid
  where t.typnamespace in (select oid from space) and t.typtype in ('d', 'e')
  union all
  select relnamespace, null, count(*)::text from relation group by relnamespace
), neutral (nspname, name, line) as (
  select nspname, name, case when strpos(line, prefix) = 0 then line else
    replace(replace(replace(replace(line, ' ' || prefix, ' '), '(' || prefix, '('),
      '''' || prefix, ''''), '::' || prefix, '::') end
  from part join space on space.oid = part.space
)
"""
# PostgreSQL writes out a constraint for people, but has to look up all that it names: that takes
# longer than all the rest together. What another schema has is told by its number.
WRITTEN = "pg_get_constraintdef(k.oid)"
RAW = """case when k.contype in ('p', 'u', 'f', 'n') and k.confdeltype not in ('n', 'd')
  then concat_ws(' ', k.contype, k.condeferrable, k.condeferred, k.connoinherit,
    k.confupdtype, k.confdeltype, k.confmatchtype, coalesce(other.relname, k.confrelid::text),
    COLUMNS(k.conkey, gap), COLUMNS(k.confkey, away))
  else pg_get_constraintdef(k.oid) end"""
# The places of columns: a table that never lost one has them as they are.
PLACES = """case when {1}.dropped is null then array_to_string({0}::int2[], ' ') else (
    select string_agg((number - (select count(*) from unnest({1}.dropped) d where d < number)
      )::text, ' ' order by place)
    from unnest({0}::int2[]) with ordinality key (number, place)) end"""


# A sum of hashes needs no order of the lines: sorting them takes longer.
PRINTED = (
    'select nspname, sum(hashtextextended(line collate "C", 0))::text from neutral group by nspname'
)
NAMED = "select nspname, name, line from neutral where name is not null"
# Compiling the query takes longer than running it, and each connection has a processor at work.
SETTINGS = (
    "set local search_path = pg_catalog; set local jit = off; set local work_mem = '64MB';"
    " set local max_parallel_workers_per_gather = 0"
)
EMPTY = ""  # of a schema with nothing in it


def fingerprints(
    free: Connections, schemas: Iterable[str], names: Optional[Iterable[str]] = None
) -> Dict[str, str]:
    """By schema. Of the relations only those with one of these `names`, with the number of all."""
    wanted = list(schemas)
    only = None if names is None else list(names)
    found = dict.fromkeys(wanted, EMPTY)

    def ask(connection: Any, some: List[str]) -> List[Any]:
        return _rows(connection, PRINTED, some, only)

    for rows in free.each(ask, wanted, BATCH):
        found.update(rows)
    return found


def changed(connection: Any, one: str, other: str) -> Set[str]:
    """The relations in which the two schemas differ, by name."""
    lines: Dict[str, Set[Tuple[str, str]]] = {one: set(), other: set()}
    for schema, name, line in _rows(connection, NAMED, [one, other]):
        lines[schema].add((name, line))
    return {name for name, _ in lines[one] ^ lines[other]}


def difference(connection: Any, usual: str, other: str) -> List[str]:
    """What only one of the two schemas has: - in `usual`, + in `other`."""
    lines: Dict[str, Set[str]] = {usual: set(), other: set()}
    for schema, _, line in _rows(connection, NAMED, [usual, other], defined=WRITTEN):
        lines[schema].add(line)
    only = [f"- {line}" for line in lines[usual] - lines[other]]
    return sorted(only + [f"+ {line}" for line in lines[other] - lines[usual]])


def _lines(defined: str, version: int) -> str:
    """`version` is the server's, as libpq has it."""
    nulls = "i.indnullsnotdistinct" if version >= 150000 else "false"
    whole = LINES.replace("DEFINED", defined).replace("DISTINCT_NULLS", nulls)
    return re.sub(r"COLUMNS\((.*?), (.*?)\)", lambda found: PLACES.format(*found.groups()), whole)


def _rows(
    connection: Any,
    asked: str,
    schemas: List[str],
    names: Optional[List[str]] = None,
    defined: str = RAW,
) -> List[Any]:
    """With nothing on the search path PostgreSQL writes every name with its schema."""
    connection.ensure_connection()
    query = _lines(defined, connection.connection.info.server_version) + asked
    with connection.connection.cursor() as cursor:
        cursor.execute("begin; " + SETTINGS)
        try:
            cursor.execute(query, {"schemas": schemas, "names": names})
            return list(cursor.fetchall())
        finally:
            cursor.execute("rollback")
