"""Roles: the application's own has the tables, ours does the work, and production's are others."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from examples.stand.postgres import Postgres
from fairlead.model import RefreshState
from tests.bench.bench import Bench
from tests.bench.dying import until
from tests.bench.refreshed import PhaseGates, Refreshed, is_good, refreshed, unchanged

# All that is in the database becomes {who}'s.
GIVE = """
do $$ declare one text; begin
  for one in select format('alter %s %s owner to {who}',
      case relkind when 'S' then 'sequence' when 'v' then 'view' else 'table' end, c.oid::regclass)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where relkind in ('r', 'v', 'S') and n.nspname in ('public', 'one', 'two')
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype in ('a', 'i')
        and d.refclassid = 'pg_class'::regclass)
  loop execute one; end loop;
end $$;
alter schema one owner to {who}; alter schema two owner to {who};
"""
ROLES = """
create role {app} login password 'pw'; create role {theirs}; create role {reader};
create role {deployer} login password 'pw' createdb in role {app};
create role {reads} login password 'pw' in role pg_read_all_data
"""
UAT = """
grant usage, create on schema public to {app}; alter schema fairlead_mark owner to {deployer};
alter table fairlead_mark.environment owner to {deployer};
alter database {uat} owner to {deployer}
"""
# What belongs to a database, and what somebody has in it.
HAS = (
    "select pg_get_userbyid(datdba), datconnlimit, (select array_agg(format('%s %s', setrole, "
    "setconfig)) from pg_db_role_setting where setdatabase = d.oid), array(select x::text from "
    "aclexplode(coalesce(datacl, acldefault('d', datdba))) x order by 1) from pg_database d "
    "where datname = current_database()",
    "select c.oid::regclass::text, relowner::regrole::text, array(select unnest(relacl)::text "
    "order by 1) from pg_class c join pg_namespace n on n.oid = relnamespace where relkind in "
    "('r', 'v', 'S') and nspname in ('public', 'one', 'two', 'fairlead_mark') order by 1",
    "select nspname::text, nspowner::regrole::text, array(select unnest(nspacl)::text order by 1) "
    "from pg_namespace where nspname !~ '^pg_' order by 1",
    "select defaclrole::regrole::text, defaclacl::text from pg_default_acl order by 1",
)


@dataclass
class Roles:
    """`app` owns what UAT's database has in it, `theirs` what production's has; `deployer` is who
    we are in the one, `reads` in the other, and `reader` somebody else."""

    uat: Refreshed
    names: dict[str, str]

    def say(self, statement: str, url: str | None = None) -> list[tuple[Any, ...]]:
        """As the server's superuser, with the roles' names in it."""
        return self.uat.run(url or self.uat.uat, statement.format_map(self.names))

    def way(self, role: str, conninfo: str) -> str:
        fields = conninfo_to_dict(conninfo)
        return f"postgresql://{self.names[role]}:pw@{fields['host']}:{fields['port']}/{fields['dbname']}"

    def has(self) -> list[list[tuple[Any, ...]]]:
        return [self.uat.run(self.uat.uat, query) for query in HAS]

    def as_app(self, statement: str) -> list[tuple[Any, ...]]:
        return self.uat.run(self.way("app", self.uat.uat), statement)

    def take_away(self) -> None:
        mine = (self.uat.database, str(conninfo_to_dict(self.uat.prod)["dbname"]))
        made = [sql.Identifier(name) for role, name in self.names.items() if role != "uat"]
        with psycopg.connect(self.uat.prod, autocommit=True) as connection:
            for (name,) in connection.execute("select datname from pg_database").fetchall():
                if name.startswith(mine):
                    own = sql.SQL("alter database {} owner to postgres")
                    connection.execute(own.format(sql.Identifier(name)))
                    there = make_conninfo(self.uat.prod, dbname=name)
                    with psycopg.connect(there, autocommit=True) as inside:
                        for role in made:
                            inside.execute(sql.SQL("drop owned by {} cascade").format(role))
            connection.execute(sql.SQL("drop role {}").format(sql.SQL(", ").join(made)))


@pytest.fixture
def roles(bench: Bench, postgres: Postgres) -> Iterator[Roles]:
    part = uuid.uuid4().hex[:6]
    with refreshed(bench, postgres) as uat:
        whose = ("app", "deployer", "theirs", "reads", "reader")
        made = Roles(uat, {"uat": uat.database, **{who: f"{who}_{part}" for who in whose}})
        made.say(ROLES)
        try:
            made.say(GIVE.replace("{who}", "{app}") + UAT)
            made.say(GIVE.replace("{who}", "{theirs}"), uat.prod)
            bench.environ |= {
                "UAT_URL": made.way("app", uat.uat),
                "UAT_DIRECT_URL": made.way("deployer", uat.uat),
                "PROD_URL": made.way("reads", uat.prod),
            }
            ways = {"url": "env:UAT_URL", "direct_url": "env:UAT_DIRECT_URL"}
            uat.configure(environments={"uat": {"database": ways}})
            yield made
        finally:
            made.take_away()


USES = (
    "update customer set name = 'x' where id = 1",
    "insert into item (customer) values (1)",
    "insert into one.person values (9, null)",
    "alter table customer add later int",
    "create table public.of_the_app (id int)",
)


@pytest.mark.parametrize(
    "own",
    [
        pytest.param("", id="database of ours"),
        pytest.param("alter database {uat} owner to {app}", id="database of the application"),
        pytest.param(
            "alter database {uat} set search_path to one, public; "
            "alter database {uat} connection limit 40; "
            "alter role {app} in database {uat} set statement_timeout to '77s'",
            id="settings",
        ),
        pytest.param(
            "revoke connect on database {uat} from public; "
            "grant connect on database {uat} to {app}, {reader}; grant select on customer to "
            "{reader}; grant usage on schema one to {reader} with grant option; "
            "alter default privileges for role {app} grant select on tables to {reader}",
            id="rights",
        ),
    ],
)
def test_all_is_the_application_s_as_it_was_night_after_night(roles: Roles, own: str) -> None:
    for statement in filter(None, own.split("; ")):
        roles.say(statement)
    before = roles.has()
    for _ in range(2):
        is_good(roles.uat.refresh())
        assert roles.has() == before
        assert roles.as_app("select count(*) from customer") == [(500,)]
    roles.uat.bench.fairlead("refresh", "undo", "uat", "--yes")
    assert roles.has() == before
    for statement in USES:
        roles.as_app(statement)


def test_who_owned_a_table_beside_the_application_may_still_do_all_with_its_rows(
    roles: Roles,
) -> None:
    roles.say("alter table one.person owner to {reader}")
    roles.say("alter default privileges grant select on tables to {reader}")
    row = roles.uat.refresh()
    is_good(row)
    may = "select has_table_privilege('{reader}', 'one.person', 'select, insert, update, delete')"
    assert roles.say(may) == [(True,)]
    assert roles.say("select has_table_privilege('{reader}', 'customer', 'select')") == [(False,)]
    shown = roles.uat.bench.fairlead("--verbose", "refresh", "show", str(row.id)).stdout
    assert "what postgres makes later has no rights by default" in shown


@pytest.mark.parametrize(
    ("given", "why", "next_step"),
    [
        (
            "alter database {uat} owner to postgres",
            "{deployer} may not give the new database the owner, rights and settings of {uat}: "
            "must be owner of database {uat}.",
            "Let {deployer} be a member of who owns the database",
        ),
        (
            "alter database {uat} set log_min_duration_statement to 100",
            'permission denied to set parameter "log_min_duration_statement".',
            "GRANT SET ON PARAMETER",
        ),
        (
            "revoke {app} from {deployer}",
            "its tables are {app}'s, and {deployer} may make none for {app}.",
            "On the server: GRANT {app} TO {deployer}",
        ),
    ],
)
def test_what_our_role_may_not_give_is_told_before_anything_is_read(
    roles: Roles, given: str, why: str, next_step: str
) -> None:
    roles.say(given)
    row = roles.uat.refresh()
    words = (why.format_map(roles.names), next_step.format_map(roles.names))
    unchanged(roles.uat, row, RefreshState.REFUSED, *words)


def test_nobody_else_connects_before_it_is_proven_that_it_is_masked(roles: Roles) -> None:
    gates = PhaseGates(roles.uat.bench.store_url)
    gates.close_at("after build_keys")
    try:
        with roles.uat.flow() as flow:
            until(gates.waiting, "it waits before it is proven")
            made = make_conninfo(roles.way("app", roles.uat.uat), dbname=roles.uat.row(flow).made)
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(made)
            gates.open()
            flow.ended()
            is_good(roles.uat.row(flow))
    finally:
        gates.close()
    assert roles.as_app("select count(*) from customer") == [(500,)]


def test_extensions_come_as_far_as_they_are_used(roles: Roles) -> None:
    """citext and pgcrypto are trusted; the others only a superuser makes."""
    theirs = "create schema extra; create extension pgcrypto schema extra; create extension citext"
    roles.say(f"{theirs}; create extension pg_stat_statements schema extra", roles.uat.prod)
    row = roles.uat.refresh()
    is_good(row)
    found = roles.say("select extname::text from pg_extension order by 1")
    assert found == [("citext",), ("pgcrypto",), ("plpgsql",)]
    shown = roles.uat.bench.fairlead("--verbose", "refresh", "show", str(row.id)).stdout
    assert "the extension pg_stat_statements stays behind: nothing uses it" in shown

    roles.say("create view slow as select query from extra.pg_stat_statements", roles.uat.prod)
    failed = roles.uat.refresh()
    assert failed.state is RefreshState.FAILED
    assert failed.error is not None
    assert (
        f"prod uses the extension pg_stat_statements, which {roles.names['deployer']} may not make"
        in failed.error
    )

    roles.say("alter role {deployer} superuser")
    is_good(roles.uat.refresh())
    assert ("pg_stat_statements",) in roles.say("select extname::text from pg_extension")
    roles.as_app("select extra.digest('a', 'md5')")
