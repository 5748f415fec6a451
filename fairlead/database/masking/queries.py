"""What is asked of PostgreSQL's catalog.

https://www.postgresql.org/docs/current/catalogs.html"""

from fairlead.database.refresh.identity import SCHEMA as MARK

SCHEMA = "fairlead_masking"  # of our functions, while they are there
# Of an extension's tables, those whose rows pg_dump takes too.
TABLES = f"""
select c.oid, n.nspname as schema, c.relname as name, c.relkind::text as kind,
  greatest(c.reltuples, 0)::bigint as rows,
  exists (select from pg_inherits i where c.oid in (i.inhrelid, i.inhparent)) as related
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'f') and not c.relispartition and c.relpersistence <> 't'
  and n.nspname <> 'information_schema' and n.nspname !~ '^pg_' and n.nspname <> '{SCHEMA}'
  and (n.nspname, c.relname) <> ('{MARK}', 'environment')
  and (not exists (select from pg_depend d where d.classid = 'pg_class'::regclass
      and d.objid = c.oid and d.deptype = 'e')
    or c.oid in (select unnest(extconfig) from pg_extension))
order by 2, 3
"""  # noqa: S608 a constant
COLUMNS = """
select a.attrelid as "table", a.attname as name, a.attnum as number, a.atttypid as type_id,
  a.atttypmod as modifier, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull as not_null,
  a.attgenerated <> '' as generated,
  (select quote_ident(n.nspname) || '.' || quote_ident(l.collname)
   from pg_collation l join pg_type t
     on t.oid = a.atttypid join pg_namespace n on n.oid = l.collnamespace
   where l.oid = a.attcollation and l.oid <> t.typcollation) as collation
from pg_attribute a where a.attrelid = any(%s::oid[]) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
"""
KEYS = """
select indrelid as "table", indkey::int2[] as columns, indnkeyatts as count,
  indisprimary as primary
from pg_index where indrelid = any(%s::oid[]) and indisunique
"""
CONSTRAINTS = """
select conrelid as "table", contype::text as kind, conname as name, conkey as columns,
  confrelid as other, confkey as other_columns,
  case when contype = 'c' then pg_get_expr(conbin, conrelid) end as expression
from pg_constraint where conrelid = any(%s::oid[]) and contype in ('f', 'c')
"""
# PostgreSQL changes the type of no column that one of these is made of.
HOLD = """
select distinct refobjid as "table", refobjsubid as number from pg_depend
where refclassid = 'pg_class'::regclass and refobjid = any(%s::oid[]) and refobjsubid > 0
  and (classid in ('pg_rewrite'::regclass, 'pg_trigger'::regclass, 'pg_policy'::regclass,
      'pg_proc'::regclass)
    or classid = 'pg_class'::regclass and objid = refobjid and objsubid > 0
    or classid = 'pg_attrdef'::regclass and not exists (select from pg_attrdef own
      where own.oid = objid and own.adrelid = refobjid and own.adnum = refobjsubid))
"""
LARGE_OBJECTS = "select count(*) as count from pg_largeobject_metadata"
