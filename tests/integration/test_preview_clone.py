"""A scratch copy is there for as long as somebody uses it, whoever has made it, and no longer."""

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

import psycopg
import pytest
from psycopg import sql

from examples.stand.postgres import Postgres, postgres_url
from fairlead.database.backup.process import Ended, run
from fairlead.database.preview import clone
from fairlead.database.preview.clone import PART, Wanted, check_may_make, cloned
from fairlead.database.preview.look import programs_to_copy
from tests.bench.ahead import databases

ROLES = """
create role {owner} login password 'x';
create role {heir} login password 'x' createdb in role {owner};
create role {maker} login password 'x' createdb noinherit in role {owner};
"""
FILL = """
create table django_migrations (id int, app text, name text, applied timestamptz);
insert into django_migrations values (1, 'shop', '0001', now());
alter table django_migrations owner to {owner};
grant select on django_migrations to {maker};
"""


@dataclass(frozen=True)
class Shop:
    """A database, the role `owner` that its project has, and two that make databases: `heir` has
    the owner's rights, `maker` may only take its place."""

    server: Postgres
    name: str

    def url(self, role: str, database: str = "") -> str:
        return postgres_url(self.server, f"{self.name}_{role}", "x", database or self.name)

    def wanted(self, conninfo: str) -> Wanted:
        return Wanted(
            conninfo=conninfo,
            schemas=None,
            owner=f"{self.name}_owner",
            environ=os.environ,
            lock_timeout=5,
            timeout=60,
        )

    @property
    def copies(self) -> list[str]:
        own = f"{self.name}{PART}"
        return [one for one in databases(self.server.url()) if one.startswith(own)]

    def run(self, script: str, database: str = "postgres") -> None:
        roles = {role: f"{self.name}_{role}" for role in ("owner", "heir", "maker")}
        names = {"name": self.name, **roles}
        parts = {given: sql.Identifier(name) for given, name in names.items()}
        with psycopg.connect(self.server.url(database), autocommit=True) as connection:
            for statement in filter(str.strip, script.split(";")):
                connection.execute(sql.SQL(statement).format(**parts))


@pytest.fixture(params=["shop", "läden"])
def shop(request: pytest.FixtureRequest, postgres: Postgres) -> Iterator[Shop]:
    """Also of a name that no session can have: PostgreSQL shows other letters than ASCII as `?`."""
    made = Shop(postgres, f"{request.param}_{uuid.uuid4().hex[:8]}")
    made.run(ROLES + "create database {name};")
    made.run(FILL, made.name)
    yield made
    for copy in made.copies:
        made.run(f'drop database "{copy}" with (force)')
    made.run("drop database {name} with (force); drop role {heir}, {maker}, {owner}")


@pytest.fixture
def major(postgres: Postgres) -> int:
    return check_may_make(postgres.url())[1]


def test_role_that_may_only_take_the_owners_place_makes_a_copy_and_leaves_none(
    shop: Shop, major: int
) -> None:
    wanted = shop.wanted(shop.url("maker"))
    with cloned(wanted, programs_to_copy("dev", None, major)) as copy:
        with psycopg.connect(shop.url("owner", copy)) as project:
            project.execute("alter table django_migrations add more int")
            applied = project.execute("select app, name from django_migrations").fetchall()
        assert (shop.copies, applied) == ([copy], [("shop", "0001")])
    assert shop.copies == []


@pytest.mark.parametrize("role", ["maker", "heir"])
def test_copy_goes_from_under_whoever_is_connected(shop: Shop, major: int, role: str) -> None:
    wanted = shop.wanted(shop.url(role))
    with cloned(wanted, programs_to_copy("dev", None, major)) as copy:
        left = [psycopg.connect(shop.url(who, copy)) for who in ("owner", role)]
    assert shop.copies == []
    for connection in left:
        with closing(connection), pytest.raises(psycopg.OperationalError):
            connection.execute("select 1")


@pytest.mark.parametrize("role", ["maker", "heir"])
def test_what_a_killed_preview_left_goes_with_the_next_one_of_either_role(
    shop: Shop, major: int, role: str
) -> None:
    left = f"{shop.name}{PART}12345678"
    shop.run(f'create database "{left}" owner {{owner}}')
    wanted = shop.wanted(shop.url(role))
    with cloned(wanted, programs_to_copy("dev", None, major)) as copy:
        assert shop.copies == [copy]


def test_copy_that_somebody_uses_is_not_taken_for_what_was_left(shop: Shop, major: int) -> None:
    programs = programs_to_copy("dev", None, major)
    superuser = shop.wanted(shop.server.url(shop.name))
    with cloned(superuser, programs) as first, cloned(superuser, programs) as second:
        assert sorted(shop.copies) == sorted([first, second])
        with cloned(shop.wanted(shop.url("heir")), programs) as third:
            assert sorted(shop.copies) == sorted([first, second, third])


def why_none(wanted: clone.Wanted, major: int) -> str:
    """Why no copy can be made."""
    with (
        pytest.raises(clone.NoClone) as caught,
        cloned(wanted, programs_to_copy("dev", None, major)),
    ):
        pass
    return str(caught.value)


def test_tenant_that_is_dropped_once_its_schema_is_copied_is_a_reason_for_no_copy(
    shop: Shop, major: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(command: Sequence[str], **given: Any) -> Ended:
        ended = run(command, **given)
        shop.run("drop table if exists django_migrations", shop.name)
        return ended

    monkeypatch.setattr(clone, "run", late)
    wanted = shop.wanted(shop.url("heir"))
    assert why_none(wanted, major) == (
        'what is applied cannot be copied: relation "public.django_migrations" does not exist'
    )
    assert shop.copies == []


@pytest.mark.parametrize("role", ["maker", "heir"])
def test_copy_goes_also_where_the_previews_own_connections_were_cut(
    shop: Shop, major: int, role: str
) -> None:
    cut = "select pg_terminate_backend(pid) from pg_stat_activity where datname = '{}'"
    with cloned(shop.wanted(shop.url(role)), programs_to_copy("dev", None, major)) as copy:
        assert shop.copies == [copy]
        shop.run(cut.format(shop.name))
    assert shop.copies == []


def test_role_that_the_server_does_not_know_is_a_reason_for_no_copy(shop: Shop, major: int) -> None:
    """As poolers have: they tell databases by it."""
    wanted = replace(shop.wanted(shop.url("heir")), owner="shop.pooled")
    assert why_none(wanted, major) == (
        'the scratch database cannot be made for the role "shop.pooled": role "shop.pooled" does '
        "not exist"
    )
    assert shop.copies == []


def test_copy_that_may_not_be_taken_away_is_in_nobodys_way(shop: Shop, major: int) -> None:
    """Nobody may drop a template."""
    left = f"{shop.name}{PART}12345678"
    shop.run(f'create database "{left}" owner {{owner}}')
    shop.run(f'alter database "{left}" is_template true')
    programs = programs_to_copy("dev", None, major)
    try:
        with cloned(shop.wanted(shop.url("heir")), programs) as copy:
            assert sorted(shop.copies) == sorted([left, copy])
    finally:
        shop.run(f'alter database "{left}" is_template false')
