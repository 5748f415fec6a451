"""The last look: nothing of production that a rule should have changed is in the copy."""

from collections.abc import Iterator
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from fairlead.database.masking.prove import prove
from fairlead.errors import MaskingFailed, MaskingNotProven
from tests.bench.masked import Copy, copy_on, proof, rules
from tests.integration.test_masking import RULES, TYPES

MORE = """
create table note (id serial primary key, "100 %s" text default 'x',
  line text, extra jsonb, photo bytea, tags text[]);
insert into note (line, extra, photo, tags) select 'nothing ' || i, jsonb_build_object('n', i),
  '\\x00ff', array['x'] from generate_series(1, 50) i;
create table gone (id serial primary key, line text);
insert into gone (line) select 'gone@real.example' from generate_series(1, 50);
analyze;
"""
KEPT: dict[str, Any] = {
    **RULES,
    **{f"note.{name}": "keep" for name in ("id", "line", "extra", "photo", "tags")},
    "note.100 %s": {"hash": "text"},
    "gone.*": "empty",
}
# Chosen by the tests of single rules: every column is looked at alone.
CHANGED = [name.partition(".")[2] for name, rule in RULES.items() if rule != "keep"]


@pytest.fixture(scope="module")
def pair(newest: str) -> Iterator[tuple[Copy, Copy]]:
    """Production, and its masked copy."""
    with copy_on(newest, TYPES + MORE) as source:
        template = str(conninfo_to_dict(source.url)["dbname"])
        with copy_on(newest, template=template) as copy:
            copy.mask(KEPT)
            yield source, copy


@pytest.fixture
def masked(pair: tuple[Copy, Copy], newest: str) -> Iterator[tuple[Copy, Copy]]:
    """The same, with a copy of this test's own."""
    source, copy = pair
    with copy_on(newest, template=str(conninfo_to_dict(copy.url)["dbname"])) as own:
        yield source, own


def test_what_is_masked_is_proven(masked: tuple[Copy, Copy]) -> None:
    found = proof(*masked, KEPT)
    assert found.values > 1000
    assert found.noticed == []


@pytest.mark.parametrize("column", CHANGED)
def test_a_column_that_was_forgotten_is_found(masked: tuple[Copy, Copy], column: str) -> None:
    """As if its rule had not been carried out."""
    source, copy = masked
    copy.run("alter table person drop constraint \"has 'at'\"")
    for key, value in source.run(f"select id, {column}::text from person"):
        kind = copy.column(
            "select format_type(atttypid, atttypmod) from pg_attribute "
            f"where attrelid = 'person'::regclass and attname = '{column}'"
        )[0]
        copy.run(f"update person set {column} = %s::{kind} where id = %s", (value, key))
    with pytest.raises(MaskingNotProven) as failed:
        proof(source, copy, KEPT)
    assert all(f"public.person.{column}" in line for line in failed.value.problems)
    assert "eal" not in "".join(failed.value.problems).replace("real_", "")


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        (
            "update note set line = 'write to person7@real.example' where id = 3",
            "public.note.line is kept, and mail addresses of public.person.email stand in it",
        ),
        (
            'update note set extra = \'{"a": [{"b": "person7@real.example"}]}\' where id = 3',
            "public.note.extra is kept, and mail addresses of public.person.email stand in it",
        ),
        (
            "update note set photo = 'mail: person7@real.example'::bytea where id = 3",
            "public.note.photo is kept, and mail addresses of public.person.email stand in it",
        ),
        (
            "update note set tags = array['a', 'DE89370400440532013000'] where id = 3",
            "public.note.tags is kept, and IBANs of public.person.iban stand in it",
        ),
        (
            "update note set line = 'paid with 4111 1111 1111 1111' where id = 3",
            "public.note.line is kept, and card numbers of public.person.card stand in it",
        ),
        ("insert into gone (line) values ('x')", "public.gone is not empty"),
        ("alter table note add later text", "public.note.later has no rule"),
        ("select lo_create(0)", "1 large objects are still there"),
        (
            "update person set full_name = 'Nobody Atall' where id = 3",
            "public.person.full_name: 1 values are not made of our words",
        ),
    ],
)
def test_what_stands_where_it_should_not_is_found(
    masked: tuple[Copy, Copy], statement: str, problem: str
) -> None:
    source, copy = masked
    copy.run(statement)
    with pytest.raises(MaskingNotProven) as failed:
        proof(source, copy, KEPT)
    assert failed.value.problems == (problem,)


def test_what_was_kept_on_purpose_is_told_without_its_values(masked: tuple[Copy, Copy]) -> None:
    source, copy = masked
    copy.run("update note set line = 'support@real.example' where id < 4")
    assert proof(source, copy, KEPT).noticed == [
        "public.note.line is kept; 1 mail addresses in 50 values"
    ]


def test_statistics_that_remember_are_found(masked: tuple[Copy, Copy]) -> None:
    source, copy = masked
    copy.run("insert into gone (line) select 'gone@real.example' from generate_series(1, 50)")
    copy.run("analyze gone")
    copy.run("delete from gone")
    with pytest.raises(MaskingNotProven, match=r"statistics of public\.gone"):
        proof(source, copy, KEPT)


def test_a_table_that_only_the_copy_has_is_looked_at_too(masked: tuple[Copy, Copy]) -> None:
    source, copy = masked
    copy.run("create table own (id int primary key, line text)")
    copy.run("insert into own values (1, 'person7@real.example')")
    with pytest.raises(MaskingNotProven, match=r"public\.own\.line is kept, and mail addresses"):
        proof(source, copy, {**KEPT, "own.id": "keep", "own.line": "keep"})


def test_a_production_that_may_not_be_read_proves_nothing(masked: tuple[Copy, Copy]) -> None:
    source, copy = masked
    with source.reading() as there, copy.reading() as here:
        there.execute("set role pg_monitor")
        with pytest.raises(MaskingFailed) as failed:
            prove(there, here, rules(KEPT).rules)
    assert failed.value.message == (
        "Masking was done, and to prove it failed: InsufficientPrivilege (42501)."
    )


def test_rows_are_compared_by_the_keys_that_production_has(masked: tuple[Copy, Copy]) -> None:
    """The copy gets its own when it is masked."""
    source, copy = masked
    copy.run("alter table person drop constraint person_pkey")
    for key, born in source.run("select id, born from person"):
        copy.run("update person set born = %s where id = %s", (born, key))
    with pytest.raises(MaskingNotProven) as failed:
        proof(source, copy, KEPT)
    assert failed.value.problems == ("public.person.born is as it was in production, row by row",)


def test_addresses_and_dates_without_end_are_masked_alike_in_every_type(newest: str) -> None:
    content = """create table t (id int primary key, a inet, b text, c cidr, d inet[], at date);
    insert into t values (1, '10.1.2.3', '10.1.2.3', '10.1.2.3', array['10.1.2.3'::inet],
      'infinity'), (2, 'fe80::1', 'fe80::1', 'fe80::1', array['fe80::1'::inet], '-infinity')"""
    given: dict[str, Any] = {f"t.{name}": {"hash": "ip"} for name in "abcd"}
    given |= {"t.id": "keep", "t.at": {"shift_days": 9}}
    with copy_on(newest, content) as source, copy_on(newest, content) as copy:
        copy.mask(given)
        same = "select host(a) = b and host(c) = b and host(d[1]) = b from t"
        assert copy.column(same) == [True, True]
        assert copy.column("select at::text from t order by id") == ["infinity", "-infinity"]
        proof(source, copy, given)
