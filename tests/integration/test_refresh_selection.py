"""What is taken of production, through the real pg_dump: tables, tenants, what refers to them."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from fairlead.database.backup.process import libpq_environ, run
from fairlead.database.backup.programs import Programs
from fairlead.database.refresh.identity import Mark, write_mark
from fairlead.database.refresh.selection import MANY, Selection, select
from fairlead.errors import SelectionUnfit
from tests.bench.masked import Copy, copy_on
from tests.bench.saved import PROGRAMS

ODD = 'Ü "x".*'  # a schema that no pattern may be made of
SHARED = """
create table tenant (id serial primary key, schema_name varchar(63) not null unique, name text,
  shown text generated always as (upper(name)) stored);
create table domain (id int generated always as identity primary key, domain text unique,
  tenant_id int not null references tenant);
create table certificate (domain_id int references domain, key text);
create table django_session (key text primary key);
create table log (at int, line text) partition by range (at);
create table log_1 partition of log for values from (0) to (100);
create table log_2 partition of log default;
insert into tenant (schema_name, name) values ('public', 'Shop'), ('one', 'One'), ('two', 'Two'),
  ('three', 'Three'), ('gone', 'No schema');
insert into domain (domain, tenant_id) select name || '.example', id from tenant;
insert into certificate select id, 'key of ' || domain from domain;
insert into django_session values ('a'), ('b');
insert into log values (1, 'x'), (200, 'y');
"""
TENANT = """
create table {schema}.django_migrations (id int, app text, name text);
create table {schema}.item (id int primary key, name text);
create table {schema}.django_session (key text);
insert into {schema}.item values (1, 'x'), (2, 'y');
insert into {schema}.django_session values ('c');
"""


@pytest.fixture
def production(newest: str) -> Iterator[Copy]:
    with copy_on(newest, SHARED) as copy:
        tenants(copy, "one", "two", ODD)
        with connected(copy) as connection:
            write_mark(connection, Mark("shop", "prod", "tester"))
        yield copy


def tenants(copy: Copy, *names: str) -> None:
    for name in names:
        schema = sql.Identifier(name).as_string(None)
        copy.run(f"create schema {schema};" + TENANT.format(schema=schema))


@contextmanager
def connected(copy: Copy) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(copy.url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def chosen(copy: Copy, **given: Any) -> Selection:
    with copy.reading() as connection:
        return select(connection, "prod", **given)


def refused(copy: Copy, **given: Any) -> list[str]:
    with pytest.raises(SelectionUnfit) as found:
        chosen(copy, **given)
    return list(found.value.problems)


def program(command: list[str], url: str) -> str:
    environ = libpq_environ(url, name="test", inherited=os.environ)
    ended = run(command, environ=environ, deadline=float("inf"))
    assert ended.problem is None, ended.tail
    return ended.output


def brought(source: Copy, target: Copy, selection: Selection, folder: Path) -> int:
    """How many rows were removed between the data and the keys."""
    programs = Programs(PROGRAMS, 18)
    options = selection.dump_options(programs, folder)
    dump = folder / "dump"
    program([programs.path("pg_dump"), "-Fd", "-j2", *options, f"--file={dump}"], source.url)
    return restored(target, selection, dump)


def restored(target: Copy, selection: Selection, dump: Path, *options: str) -> int:
    restore = [str(PROGRAMS / "pg_restore"), "--exit-on-error", "--dbname", name_of(target)]
    program([*restore, "--section=pre-data", "--section=data", *options, str(dump)], target.url)
    with connected(target) as connection:
        removed = selection.remove_rows(connection)
    program([*restore, "--section=post-data", *options, str(dump)], target.url)
    return removed


def name_of(copy: Copy) -> str:
    return str(conninfo_to_dict(copy.url)["dbname"])


def counts(copy: Copy) -> Mapping[str, int]:
    """By table, of those that have rows."""
    tables = copy.run(
        "select format('%I.%I', n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid "
        "= c.relnamespace where c.relkind = 'r' and n.nspname !~ '^(pg_|information_schema)'"
    )
    found = {name: copy.run(f"select count(*) from only {name}")[0][0] for (name,) in tables}
    return {name.removeprefix("public."): count for name, count in found.items() if count}


def test_rows_of_tables_that_are_left_out_do_not_come_in_any_schema(
    production: Copy, newest: str, tmp_path: Path
) -> None:
    selection = chosen(production, leave_out=["django_session", "log", f'{quoted(ODD)}."item"'])
    assert selection.tenants == ("one", "two", ODD)
    with copy_on(newest) as target:
        assert brought(production, target, selection, tmp_path) == 0
        assert counts(target) == {
            "tenant": 5,
            "domain": 5,
            "certificate": 5,
            "one.item": 2,
            "two.item": 2,
        }


def quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)


@pytest.mark.parametrize("whole", [False, True])
def test_of_tenants_that_are_left_out_nothing_comes(
    production: Copy, newest: str, tmp_path: Path, whole: bool
) -> None:
    """From the database itself, or out of a dump that has it all."""
    selection = chosen(production, tenants=["one"])
    assert selection.schemas == ("fairlead_mark", "two", ODD)
    with copy_on(newest) as target:
        if whole:
            dump = tmp_path / "dump"
            program([str(PROGRAMS / "pg_dump"), "-Fd", f"--file={dump}"], production.url)
            listing = program([str(PROGRAMS / "pg_restore"), "--list", str(dump)], production.url)
            options = selection.restore_options(listing, tmp_path)
            removed = restored(target, selection, dump, *options)
        else:
            removed = brought(production, target, selection, tmp_path)
        assert removed == 9
        assert target.column("select schema_name || shown from tenant order by id") == [
            "publicSHOP",
            "oneONE",
        ]
        assert target.column("select domain from domain order by id") == [
            "Shop.example",
            "One.example",
        ]
        assert target.column("select key from certificate order by domain_id") == [
            "key of Shop.example",
            "key of One.example",
        ]
        schemas = target.column("select nspname from pg_namespace where nspname !~ '^(pg_|info)'")
        assert sorted(schemas) == ["one", "public"]
        target.run("checkpoint")
        assert b"Two.example" not in target.file_of("domain")


def test_tenants_that_are_carried_over_do_not_come(
    production: Copy, newest: str, tmp_path: Path
) -> None:
    selection = chosen(production, carry_tenants=["two", "acceptance"])
    assert selection.tenants == ("one", ODD)
    with copy_on(newest) as target:
        assert brought(production, target, selection, tmp_path) == 3
        names = target.column("select schema_name from tenant order by id")
        assert names == ["public", "one", "three", "gone"]


@pytest.mark.parametrize("major", [15, 18])
def test_names_without_number_reach_pg_dump(major: int, newest: str, tmp_path: Path) -> None:
    with copy_on(newest, SHARED) as source:
        many = [f"tenant {number}" for number in range(MANY + 20)]
        tenants(source, *many, ODD)
        selection = chosen(source, leave_out=["django_session"], tenants=[many[0], ODD])
        options = selection.dump_options(Programs(PROGRAMS, major), tmp_path)
        assert len(options) == (1 if major >= 17 else MANY + 23)
        command = [str(PROGRAMS / "pg_dump"), "-Fc", f"--file={tmp_path / 'dump'}"]
        program([*command, *options], source.url)
        listing = program(
            [str(PROGRAMS / "pg_restore"), "--list", str(tmp_path / "dump")], source.url
        )
        of_rows = [
            line.split("TABLE DATA ")[1] for line in listing.splitlines() if "TABLE DATA" in line
        ]
        schemas = {
            line.partition(" django_migrations")[0] for line in of_rows if "_migrations" in line
        }
        assert schemas == {many[0], ODD}
        assert not any("django_session" in line for line in of_rows)


def test_a_name_that_nothing_has_is_refused(production: Copy) -> None:
    problems = refused(production, leave_out=["django_sesion", "two.log"], tenants=["onne"])
    assert problems == [
        'there is no tenant "onne"',
        'there is no table "django_sesion" to leave out',
        'there is no table "two.log" to leave out',
    ]
    assert refused(production, leave_out=["two.item"], tenants=["one"]) == [
        'there is no table "two.item" to leave out'
    ]


def test_rows_that_would_refer_to_nothing_are_named(production: Copy) -> None:
    assert refused(production, leave_out=["domain"]) == [
        "rows of public.certificate (domain_id) refer to rows of public.domain that are left out"
    ]
    assert chosen(production, leave_out=["domain", "certificate"]).tables == (
        ("public", "certificate"),
        ("public", "domain"),
    )
    production.run("truncate certificate")
    chosen(production, leave_out=["domain"])


def test_rows_of_a_tenant_that_refer_to_removed_ones_are_named(production: Copy) -> None:
    production.run("alter table one.item add domain_id int references domain")
    chosen(production, tenants=["one"])
    production.run("update one.item set domain_id = (select id from domain where domain ~ 'Two')")
    assert refused(production, tenants=["one"]) == [
        "rows of one.item (domain_id) refer to rows of public.domain that are left out"
    ]


def test_a_tenant_whose_parent_is_left_out_is_named(production: Copy) -> None:
    production.run("alter table tenant add parent int references tenant")
    production.run("update tenant set parent = (select id from tenant where schema_name = 'two')"
                   " where schema_name = 'one'")  # fmt: skip
    assert refused(production, tenants=["one"]) == [
        "rows of public.tenant (parent) refer to rows of public.tenant that are left out"
    ]
    chosen(production, tenants=["one", "two"])


def test_what_is_made_of_another_schema_is_named(production: Copy) -> None:
    production.run("""
        create type two.colour as enum ('red');
        create view one.seen as select * from two.item;
        create table one.painted (colour two.colour);
        create table one.linked (item int references two.item)""")
    assert refused(production, tenants=["one"]) == [
        "one.painted is made of what is in the schema two, which is left out",
        "one.seen is made of what is in the schema two, which is left out",
        "one.linked (item) refers to two.item, whose schema is left out",
    ]


def test_without_tenants_there_are_tables_only(newest: str) -> None:
    with copy_on(newest, "create table item (id int); create table log (id int)") as copy:
        selection = chosen(copy, leave_out=["public.log"])
        assert (selection.tenants, selection.removals) == ((), ())
        assert selection.tables == (("public", "log"),)
        assert refused(copy, tenants=["one"]) == ['there is no tenant "one"']
