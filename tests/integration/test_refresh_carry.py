"""UAT's own rows in its new database, with all that they refer to, and nothing of others lost."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fairlead.database.backup.programs import Programs
from fairlead.database.refresh.carry import Carried, Own, carry, check_carry
from fairlead.errors import CarryFailed, CarryUnfit
from tests.bench.masked import Copy, copy_on
from tests.bench.saved import PROGRAMS

SHARED = """
create table tenant (id serial primary key, schema_name varchar(63) not null unique);
create table domain (id int generated always as identity primary key, domain text unique,
  tenant_id int not null references tenant deferrable initially deferred);
create table company (id serial primary key, name text, parent int references company);
create table team (id serial primary key, company_id int references company,
  lead int, code text unique);
create table person (id serial primary key, email text not null unique, is_staff bool not null,
  team text references team (code), at timestamptz default now(), photo bytea,
  shown text generated always as (upper(email)) stored);
create table key (person_id int references person primary key, key text);
create table fact (id int generated always as identity primary key, person_id int
  references person deferrable initially deferred, told text);
insert into tenant (schema_name) values ('public'), ('one');
"""
# In the new database there is what production has, masked; in the old one what UAT had.
NEW = """
insert into company (id, name) values (1, 'masked 1');
insert into team (id, company_id, code) values (1, 1, 'a');
insert into person (id, email, is_staff, team) values (1, 'masked-1', true, 'a'),
  (2, 'masked-2', false, 'a'), (3, 'masked-3', false, null);
insert into fact (person_id, told) values (1, 'x'), (2, 'y');
select setval('person_id_seq', 3), setval('company_id_seq', 1), setval('team_id_seq', 1);
"""
OLD = """
insert into company (id, name, parent) values (1, 'old 1', null), (8, 'root', null),
  (9, 'child', 8), (10, 'not needed', null);
insert into team (id, company_id, code) values (1, 1, 'a'), (5, 9, 'tests');
insert into person (id, email, is_staff, team, photo) values (2, 'tester-2', true, 'a', null),
  (50, 'Ünï@tester', true, 'tests', '\\xff00'), (51, 'nobody', false, 'tests', null);
insert into key values (50, E'k\\t50'), (2, null);
"""


@dataclass
class Pair:
    old: Copy
    new: Copy
    folder: Path

    def carry(self, *rows: tuple[str, str], tenants: tuple[str, ...] = ()) -> Carried:
        return carry(
            self.old.url,
            self.new.url,
            Own("uat", rows, tenants),
            programs=Programs(PROGRAMS, 18),
            folder=self.folder,
        )

    def people(self) -> list[tuple[Any, ...]]:
        return self.new.run("select id, email, team from person order by id")


@pytest.fixture
def pair(newest: str, tmp_path: Path) -> Iterator[Pair]:
    with ExitStack() as stack:
        old = stack.enter_context(copy_on(newest, SHARED + OLD))
        new = stack.enter_context(copy_on(newest, SHARED + NEW))
        yield Pair(old, new, tmp_path)


def test_rows_come_with_all_that_they_refer_to(pair: Pair) -> None:
    carried = pair.carry(("person", "is_staff"), ("key", "true"))
    assert carried.rows == {
        "public.company": 2,
        "public.team": 1,
        "public.person": 2,
        "public.key": 2,
    }
    assert carried.words == "7 rows of 4 tables"
    assert pair.people() == [
        (1, "masked-1", "a"),
        (2, "tester-2", "a"),
        (3, "masked-3", None),
        (50, "Ünï@tester", "tests"),
    ]
    assert pair.new.run("select id, name, parent from company order by id") == [
        (1, "masked 1", None),
        (8, "root", None),
        (9, "child", 8),
    ]
    whole = "select id, photo, shown, at from person where id in (2, 50) order by id"
    assert pair.new.run(whole) == pair.old.run(whole)
    assert pair.new.column("select key from key order by person_id") == [None, "k\t50"]


def test_sequences_are_ahead_of_what_was_carried(pair: Pair) -> None:
    pair.carry(("person", "is_staff"))
    made = pair.new.column(
        "insert into person (email, is_staff) values ('next', false) returning id"
    )
    assert made == [51]
    assert pair.new.column("insert into company (name) values ('next') returning id") == [10]
    assert pair.new.column("insert into tenant (schema_name) values ('two') returning id") == [3]


def test_carrying_twice_changes_nothing_more(pair: Pair) -> None:
    rows = (("person", "is_staff"), ("key", "true"))
    pair.carry(*rows)
    before = pair.people()
    pair.carry(*rows)
    assert pair.people() == before


def test_a_value_that_production_has_too_is_told_by_its_constraint(pair: Pair) -> None:
    pair.new.run("update person set email = 'Ünï@tester' where id = 3")
    with pytest.raises(CarryFailed) as failed:
        pair.carry(("person", "is_staff"))
    assert str(failed.value) == (
        "What uat has of its own in public.person cannot be carried over: UniqueViolation (23505), "
        "person_email_key.\nGive the column a rule in [masking.rules] by which production's values "
        "are others, or carry fewer rows."
    )
    assert "tester-2" not in pair.new.column("select email from person")  # all or nothing


def test_a_reference_to_a_table_that_is_gone_is_told(pair: Pair) -> None:
    pair.new.run("alter table person drop column team; drop table team")
    with pytest.raises(CarryFailed, match=r"in public\.team cannot .* no such table"):
        pair.carry(("person", "is_staff"))


def test_another_column_is_told(pair: Pair) -> None:
    pair.new.run("alter table key drop column key")
    with pytest.raises(CarryFailed, match="has no column key there"):
        pair.carry(("key", "true"))


def test_a_reference_that_leads_nowhere_is_told(pair: Pair) -> None:
    pair.old.run("""alter table team add constraint team_lead foreign key (lead)
        references person not valid; alter table team disable trigger all;
        update team set lead = 77 where id = 5""")
    with pytest.raises(CarryFailed, match=r"by team_lead to rows of public\.person .* nowhere"):
        pair.carry(("team", "id = 5"))


CIRCLE = """alter table team add constraint team_lead foreign key (lead) references person {how};
update team set lead = 50 where id = 5"""


def test_foreign_keys_may_go_in_a_circle_where_they_can_wait(pair: Pair) -> None:
    for copy in (pair.old, pair.new):
        copy.run(CIRCLE.format(how="deferrable"))
    pair.carry(("team", "id = 5"))
    assert pair.new.run("select lead from team where id = 5") == [(50,)]
    assert (50, "Ünï@tester", "tests") in pair.people()


def test_a_circle_that_cannot_wait_is_told(pair: Pair) -> None:
    for copy in (pair.old, pair.new):
        copy.run(CIRCLE.format(how=""))
    with pytest.raises(CarryFailed, match="go in a circle"):
        pair.carry(("team", "id = 5"))


def test_triggers_see_nothing_of_it_and_stay(pair: Pair) -> None:
    pair.new.run("""create function no() returns trigger language plpgsql
        as 'begin raise exception ''no''; end';
        create trigger one before insert or update on person for each row execute function no();
        alter table person enable always trigger one""")
    pair.carry(("person", "is_staff"), ("fact", "true"))
    state = "select tgenabled::text from pg_trigger where tgname = 'one'"
    assert pair.new.column(state) == ["A"]


TENANT = """
create schema {0}; create table {0}.django_migrations (id int primary key);
create table {0}.item (id serial primary key, name text unique, person_id int
  references public.person, made_in int references public.company);
"""
ACCEPTANCE = (
    TENANT.format("acceptance")
    + """
insert into tenant (id, schema_name) values (70, 'acceptance');
insert into domain (id, domain, tenant_id) overriding system value values (700, 'acceptance', 70);
insert into acceptance.item (name, person_id, made_in) values ('x', 51, 9), ('y', 2, null);
"""
)


@pytest.fixture
def with_tenant(pair: Pair) -> Pair:
    pair.old.run(ACCEPTANCE)
    pair.old.run(TENANT.format("one") + "insert into one.item (name, person_id) values ('t', 51)")
    pair.new.run(TENANT.format("one") + "insert into one.item (name) values ('masked')")
    return pair


def test_a_tenant_comes_whole_with_what_it_refers_to(with_tenant: Pair) -> None:
    pair = with_tenant
    carried = pair.carry(tenants=("acceptance",))
    assert carried.words == "6 rows of 5 tables and the tenants acceptance"
    assert pair.new.run("select * from acceptance.item order by id") == pair.old.run(
        "select * from acceptance.item order by id"
    )
    assert pair.new.run("select id, schema_name from tenant where id > 2") == [(70, "acceptance")]
    assert pair.new.run("select domain, tenant_id from domain") == [("acceptance", 70)]
    assert pair.people() == [
        (1, "masked-1", "a"),
        (2, "masked-2", "a"),
        (3, "masked-3", None),
        (51, "nobody", "tests"),
    ]
    assert pair.new.column("insert into acceptance.item (name) values ('z') returning id") == [3]
    assert pair.new.column("insert into tenant (schema_name) values ('z') returning id") == [71]
    assert list(pair.folder.iterdir()) == []


def test_a_tenant_takes_the_number_of_no_other(with_tenant: Pair) -> None:
    with_tenant.new.run("insert into tenant (id, schema_name) values (70, 'new in production')")
    with pytest.raises(CarryFailed, match=r"public\.tenant .*1 rows .* a number \(id\)"):
        with_tenant.carry(tenants=("acceptance",))


def test_rows_come_in_every_schema_that_both_have(with_tenant: Pair) -> None:
    pair = with_tenant
    carried = pair.carry(("item", "name = 't'"))
    assert carried.left == ("acceptance",)
    assert pair.new.run("select id, name, person_id from one.item") == [(1, "t", 51)]
    assert (51, "nobody", "tests") in pair.people()


def test_a_condition_may_ask_other_tables_of_its_schema(with_tenant: Pair) -> None:
    pair = with_tenant
    own = Own("uat", [("one.item", "person_id in (select id from person where not is_staff)")])
    check_carry(pair.old.url, own)
    assert pair.carry(*own.rows).rows["one.item"] == 1


def test_what_is_not_there_is_told_before_anything_is_done(with_tenant: Pair) -> None:
    own = Own("uat", [("persons", "true"), ("person", "is_stuff")], ["acceptence"])
    with pytest.raises(CarryUnfit) as refused:
        check_carry(with_tenant.old.url, own)
    assert refused.value.problems == (
        'there is no tenant "acceptence"',
        'there is no table "persons"',
        "public.person where is_stuff: UndefinedColumn (42703)",
    )
    check_carry(with_tenant.old.url, Own("uat", [("person", "is_staff -- all")], ["acceptance"]))
