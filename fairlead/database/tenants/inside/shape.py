"""What the tables of the database are made of: the preview compares it before and after."""

from __future__ import annotations

import json
from typing import Any, Dict, Optional

# By OID, columns by attnum: a table or a column that has another name is still the same one.
TABLES = """
select c.oid::bigint::text, json_build_object(
  'schema', n.nspname, 'name', c.relname, 'kind', c.relkind, 'file', c.relfilenode::bigint,
  'columns', (
    select coalesce(json_object_agg(a.attnum, json_build_object('name', a.attname,
      'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
      'filled', a.atthasdef or a.attidentity <> '', 'always', a.attidentity = 'a')), '{}')
    from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped),
  'constraints', (
    select coalesce(json_object_agg(k.oid::bigint, json_build_object('name', k.conname,
      'type', k.contype, 'valid', k.convalidated, 'columns', coalesce(k.conkey, '{}'),
      'to', k.confrelid::bigint, 'text', pg_get_constraintdef(k.oid))), '{}')
    from pg_constraint k where k.conrelid = c.oid and k.contype in ('c', 'f', 'p', 'u', 'x')),
  'indexes', (
    select coalesce(json_object_agg(x.oid::bigint, json_build_object('name', x.relname,
      'unique', i.indisunique, 'valid', i.indisvalid, 'file', x.relfilenode::bigint,
      'columns', i.indkey::int2[])), '{}')
    from pg_index i join pg_class x on x.oid = i.indexrelid where i.indrelid = c.oid))::text
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f') and n.nspname <> 'information_schema'
  and n.nspname !~ '^pg_'
"""
Shape = Dict[str, Dict[str, Any]]


def read(cursor: Any) -> Shape:
    """By the table's OID."""
    cursor.execute(TABLES)
    return {oid: json.loads(text) for oid, text in cursor.fetchall()}


def changes(before: Shape, after: Shape) -> Dict[str, Optional[Dict[str, Any]]]:
    """What is otherwise: a table as it is now, None for one that is there no more."""
    gone: Dict[str, Optional[Dict[str, Any]]] = {oid: None for oid in before if oid not in after}
    return {**gone, **{oid: made for oid, made in after.items() if before.get(oid) != made}}
