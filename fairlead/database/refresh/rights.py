"""The rights that an environment gave on its schemas, tables, sequences and functions, given again
in its new database. Production's own stay in production: its roles are others.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import DictRow

# Kind, what SQL calls the object, and its rights, of all that is no extension's.
OBJECTS = """
select 'schema' as kind, quote_ident(nspname) as name, nspacl as acl, nspowner as owner
from pg_namespace where nspname <> 'information_schema' and nspname !~ '^pg_'
union all
select case c.relkind when 'S' then 'sequence' else 'table' end,
  format('%I.%I', n.nspname, c.relname), c.relacl, c.relowner
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S') and n.nspname <> 'information_schema'
  and n.nspname !~ '^pg_' and not exists (select from pg_depend d where d.deptype = 'e'
    and d.classid = 'pg_class'::regclass and d.objid = c.oid)
union all
select 'routine', format('%I.%I(%s)', n.nspname, p.proname,
  pg_get_function_identity_arguments(p.oid)), p.proacl, p.proowner
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and not exists (select from pg_depend d where d.deptype = 'e'
    and d.classid = 'pg_proc'::regclass and d.objid = p.oid)
"""
GIVEN = f"""
select o.kind, o.name, a.is_grantable, a.privilege_type,
  case when a.grantee <> 0 then pg_get_userbyid(a.grantee) end as grantee
from ({OBJECTS}) o left join lateral aclexplode(o.acl) a on a.grantee <> o.owner
where o.acl is not null order by 1, 2
"""  # noqa: S608 a constant
THERE = f"select kind, name from ({OBJECTS}) o"  # noqa: S608 a constant
# What somebody gets on what is only made later: by migrations, for instance.
DEFAULTS = """
select pg_get_userbyid(d.defaclrole) as maker, n.nspname as schema, a.is_grantable,
  a.privilege_type, case when a.grantee <> 0 then pg_get_userbyid(a.grantee) end as grantee,
  case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
    when 'T' then 'types' when 'n' then 'schemas' end as kind
from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
  cross join lateral aclexplode(d.defaclacl) a
where a.grantee <> d.defaclrole and d.defaclobjtype in ('r', 'S', 'f', 'T', 'n')
"""
SCHEMAS = "select nspname as name from pg_namespace"
AT_ONCE = 200  # statements


@dataclass(frozen=True, slots=True)
class Rights:
    """Statements by the kind and name of what they are about; `defaults` by the schema they are in,
    None where they are in all."""

    objects: dict[tuple[str, str], list[sql.Composed]]
    defaults: list[tuple[str | None, sql.Composed]]


def rights_in(connection: Connection[DictRow]) -> Rights:
    """Of the database that `connection` is to. The search path has to be pg_catalog."""
    found: dict[tuple[str, str], list[DictRow]] = defaultdict(list)
    for row in connection.execute(GIVEN.encode()).fetchall():
        found[row["kind"], row["name"]].append(row)
    return Rights(
        {of: list(_statements(*of, rows)) for of, rows in found.items()},
        [(row["schema"], _default(row)) for row in connection.execute(DEFAULTS).fetchall()],
    )


def give_rights(connection: Connection[DictRow], rights: Rights) -> None:
    """On all of it that is there too. Again is the same."""
    schemas = {row["name"] for row in connection.execute(SCHEMAS).fetchall()}
    there = {(row["kind"], row["name"]) for row in connection.execute(THERE.encode()).fetchall()}
    _run(
        connection, [one for schema, one in rights.defaults if schema is None or schema in schemas]
    )
    _run(connection, [one for of, some in rights.objects.items() if of in there for one in some])


def _run(connection: Connection[DictRow], statements: Sequence[sql.Composed]) -> None:
    for at in range(0, len(statements), AT_ONCE):
        connection.execute(sql.SQL(";").join(statements[at : at + AT_ONCE]))


def _statements(kind: str, name: str, rows: Iterable[DictRow]) -> Iterator[sql.Composed]:
    """`name` is quoted by the server. Rights that everybody has by default may have been taken."""
    where = sql.SQL(f"{kind} {name}")
    yield sql.SQL("revoke all on {} from public").format(where)
    for row in rows:
        if row["privilege_type"] is not None:
            yield sql.SQL("grant {} on {} to {}{}").format(
                sql.SQL(row["privilege_type"]), where, _who(row), _further(row)
            )


def _default(row: DictRow) -> sql.Composed:
    within: sql.Composable = sql.SQL("")
    if row["schema"] is not None:
        within = sql.SQL(" in schema {}").format(sql.Identifier(row["schema"]))
    return sql.SQL("alter default privileges for role {}{} grant {} on {} to {}{}").format(
        sql.Identifier(row["maker"]),
        within,
        sql.SQL(row["privilege_type"]),
        sql.SQL(row["kind"]),
        _who(row),
        _further(row),
    )


def _who(row: DictRow) -> sql.Composable:
    return sql.SQL("public") if row["grantee"] is None else sql.Identifier(row["grantee"])


def _further(row: DictRow) -> sql.SQL:
    return sql.SQL(" with grant option" if row["is_grantable"] else "")
