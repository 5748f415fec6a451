"""The rights that an environment gave on its schemas, tables, sequences and functions, given again
in its new database. Production's own stay in production: its roles are others.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from psycopg import Connection, sql
from psycopg.rows import DictRow

# Kind, what SQL calls the object, its owner and its rights, of all that is no extension's.
OBJECTS = """
select 'schema' as kind, quote_ident(nspname) as name, nspowner as owner,
  coalesce(nspacl, acldefault('n', nspowner)) as acl
from pg_namespace where nspname not in ('information_schema', 'fairlead_mark')
  and nspname !~ '^pg_'
union all
select case c.relkind when 'S' then 'sequence' else 'table' end,
  format('%I.%I', n.nspname, c.relname), c.relowner,
  coalesce(c.relacl, acldefault((case c.relkind when 'S' then 's' else 'r' end)::"char",
    c.relowner))
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p', 'v', 'm', 'f', 'S')
  and n.nspname not in ('information_schema', 'fairlead_mark')
  and n.nspname !~ '^pg_' and not exists (select from pg_depend d where d.deptype = 'e'
    and d.classid = 'pg_class'::regclass and d.objid = c.oid)
union all
select 'routine', format('%I.%I(%s)', n.nspname, p.proname,
  pg_get_function_identity_arguments(p.oid)), p.proowner,
  coalesce(p.proacl, acldefault('f', p.proowner))
from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
  and not exists (select from pg_depend d where d.deptype = 'e'
    and d.classid = 'pg_proc'::regclass and d.objid = p.oid)
"""
OWNED = f"select kind, name, pg_get_userbyid(owner) as owner from ({OBJECTS}) o"  # noqa: S608
GIVEN = f"""
select o.kind, o.name, a.privilege_type as privilege, bool_or(a.is_grantable) as further,
  case when a.grantee <> 0 then pg_get_userbyid(a.grantee) end as grantee
from ({OBJECTS}) o, aclexplode(o.acl) a where a.grantee <> o.owner group by 1, 2, 3, 5
"""  # noqa: S608 a constant
# What somebody gets on what is only made later: by migrations, for instance.
DEFAULTS = """
select pg_get_userbyid(d.defaclrole) as maker, pg_has_role(d.defaclrole, 'MEMBER') as may,
  n.nspname as schema, a.is_grantable, a.privilege_type,
  case when a.grantee <> 0 then pg_get_userbyid(a.grantee) end as grantee,
  case d.defaclobjtype when 'r' then 'tables' when 'S' then 'sequences' when 'f' then 'functions'
    when 'T' then 'types' when 'n' then 'schemas' end as kind
from pg_default_acl d left join pg_namespace n on n.oid = d.defaclnamespace
  cross join lateral aclexplode(d.defaclacl) a
where a.grantee <> d.defaclrole and d.defaclobjtype in ('r', 'S', 'f', 'T', 'n')
"""
SCHEMAS = "select nspname as name from pg_namespace"
AT_ONCE = 200  # statements


Of = tuple[str, str]  # kind and name
Right = tuple[str | None, str]  # to whom, None for everybody, and what


@dataclass(frozen=True, slots=True)
class Rights:
    """Who owns what, and what others may do with it: True where they may give it to others too.
    `defaults` are by the schema they are in, None where they are in all; those of `beyond` are for
    what roles make that are not ours to speak for."""

    owners: Mapping[Of, str]
    given: Mapping[Of, Mapping[Right, bool]]
    defaults: Sequence[tuple[str | None, sql.Composed]]
    beyond: Sequence[str]


def rights_in(connection: Connection[DictRow]) -> Rights:
    """Of the database that `connection` is to. The search path has to be pg_catalog."""
    given: dict[Of, dict[Right, bool]] = defaultdict(dict)
    for row in connection.execute(GIVEN.encode()).fetchall():
        given[row["kind"], row["name"]][row["grantee"], row["privilege"]] = row["further"]
    owned = connection.execute(OWNED.encode()).fetchall()
    defaults = connection.execute(DEFAULTS).fetchall()
    return Rights(
        {(row["kind"], row["name"]): row["owner"] for row in owned},
        given,
        [(row["schema"], _default(row)) for row in defaults if row["may"]],
        sorted({row["maker"] for row in defaults if not row["may"]}),
    )


def give_rights(connection: Connection[DictRow], rights: Rights) -> None:
    """On all of it that is there too, and no others. Again is the same."""
    schemas = {row["name"] for row in connection.execute(SCHEMAS).fetchall()}
    _run(
        connection, [one for schema, one in rights.defaults if schema is None or schema in schemas]
    )
    there = rights_in(connection)
    _run(
        connection,
        [
            one
            for of in rights.owners.keys() & there.owners.keys()
            for one in _statements(of, rights, there)
        ],
    )


def _run(connection: Connection[DictRow], statements: Sequence[sql.Composed]) -> None:
    for at in range(0, len(statements), AT_ONCE):
        connection.execute(sql.SQL(";").join(statements[at : at + AT_ONCE]))


def _statements(of: Of, wanted: Rights, there: Rights) -> Iterator[sql.Composed]:
    """Who owned it, and does not any more, may do all that owners may."""
    where = sql.SQL(f"{of[0]} {of[1]}")  # quoted by the server
    owner, before = there.owners[of], wanted.owners[of]
    should = {right: far for right, far in _given(wanted, of).items() if right[0] != owner}
    has = {right: far for right, far in _given(there, of).items() if right[0] != before}
    for (grantee, privilege), far in has.items():
        if far > should.get((grantee, privilege), -1):
            yield sql.SQL("revoke {} on {} from {} cascade").format(
                sql.SQL(privilege), where, _who(grantee)
            )
    for (grantee, privilege), far in should.items():
        if has.get((grantee, privilege)) is not far:
            yield sql.SQL("grant {} on {} to {}{}").format(
                sql.SQL(privilege), where, _who(grantee), _further(far)
            )
    if before != owner:
        yield sql.SQL("grant all on {} to {}").format(where, _who(before))


def _given(rights: Rights, of: Of) -> Mapping[Right, bool]:
    return rights.given.get(of, {})


def _default(row: DictRow) -> sql.Composed:
    within: sql.Composable = sql.SQL("")
    if row["schema"] is not None:
        within = sql.SQL(" in schema {}").format(sql.Identifier(row["schema"]))
    return sql.SQL("alter default privileges for role {}{} grant {} on {} to {}{}").format(
        sql.Identifier(row["maker"]),
        within,
        sql.SQL(row["privilege_type"]),
        sql.SQL(row["kind"]),
        _who(row["grantee"]),
        _further(row["is_grantable"]),
    )


def _who(role: str | None) -> sql.Composable:
    return sql.SQL("public") if role is None else sql.Identifier(role)


def _further(far: bool) -> sql.SQL:
    return sql.SQL(" with grant option" if far else "")
