"""Masking on a real PostgreSQL: every type, every kind of table, nothing left behind."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

from fairlead.database.masking.detect import is_card, is_iban
from fairlead.errors import MaskingFailed, MaskingIncomplete, MaskingUnfit
from tests.bench.masked import KEY, Copy, copy_on

TYPES = """
create domain mail as text check (value like '%@%');
create type colour as enum ('red', 'blue');
create table person (
  id bigint generated always as identity primary key,
  email varchar(254) not null unique, short_mail varchar(30), phone text, full_name text,
  born date, seen timestamptz, iban char(22), card text, token uuid, machine inet,
  number int unique, big bigint, tags text[], numbers int[], extra jsonb, plain json, photo bytea,
  at mail, favourite colour, weight numeric, secret varchar(128), note text, page text,
  initials varchar(8), quoted text collate "C" default 'x',
  constraint "has 'at'" check (email like '%@%'));
insert into person (email, short_mail, phone, full_name, born, seen, iban, card, token, machine,
  number, big, tags, numbers, extra, plain, photo, at, favourite, weight, secret, note, page,
  initials, quoted)
select 'person' || i || '@real.example', 'p' || i || '@r.example', '+49 30 1234' || i,
  'Real Person ' || i, '1970-01-01'::date + i,
  '2020-01-01 12:00+00'::timestamptz + i * interval '1 h',
  'DE89370400440532013000', '4111111111111111', md5(i::text)::uuid,
  case when i % 2 = 0 then '10.1.2.3'::inet else 'fe80::1'::inet end, i, i * 10000000000,
  array['tag' || i, null, ''], array[i, null], jsonb_build_object('name', 'Real ' || i, 'n', i,
  'real' || i || '@key.example', true, 'deep', jsonb_build_array('Deep ' || i, null, 1.5)),
  '{"a": "Plain \\u0000 text"}', decode(md5(i::text), 'hex'), 'd' || i || '@domain.example',
  'red',
  i * 1.5, 'pbkdf2_sha256$' || i, 'a note about Real Person ' || i,
  'https://u:p@real.example/' || i,
  'RP' || i, 'Quoted ' || i
from generate_series(1, 60) i;
insert into person (email, full_name, tags, numbers, note)
values ('Ü@x.example', '', '{}', '{}', '');
"""
RULES: dict[str, Any] = {
    "person.id": "keep",
    "person.email": {"hash": "email"},
    "person.short_mail": {"hash": "email"},
    "person.phone": {"hash": "phone"},
    "person.full_name": {"fake": "name"},
    "person.born": {"shift_days": 30},
    "person.seen": {"shift_days": 30},
    "person.iban": {"hash": "iban"},
    "person.card": {"hash": "card"},
    "person.token": {"hash": "token"},
    "person.machine": {"hash": "ip"},
    "person.number": {"hash": "number"},
    "person.big": {"hash": "number"},
    "person.tags": {"hash": "tag"},
    "person.numbers": {"hash": "number"},
    "person.extra": {"hash": "text"},
    "person.plain": {"hash": "text"},
    "person.photo": {"hash": "photo"},
    "person.at": {"hash": "email"},
    "person.favourite": {"constant": "blue"},
    "person.weight": {"sql": "round(weight) + id -- whole"},
    "person.secret": {"hash": "password"},
    "person.note": "null",
    "person.page": {"hash": "url"},
    "person.initials": {"hash": "text"},
    "person.quoted": {"hash": "text"},
}


@pytest.fixture
def typed(newest: str) -> Iterator[Copy]:
    with copy_on(newest, TYPES) as copy:
        yield copy


def test_each_type_becomes_what_its_rule_says(typed: Copy) -> None:
    before = typed.run("select * from person order by id")
    masked = typed.mask(RULES)
    assert (masked.tables, masked.columns) == (1, len(RULES) - 1)
    rows = typed.run("select * from person order by id")
    names = [row[0] for row in typed.run(COLUMNS)]
    for old, new in zip(before[:60], rows[:60], strict=True):
        was, now = dict(zip(names, old, strict=True)), dict(zip(names, new, strict=True))
        assert re.fullmatch(r"[0-9a-f]{20}@example\.invalid", now["email"])
        assert re.fullmatch(r"[0-9a-f]{14}@example\.invalid", now["short_mail"])
        assert re.fullmatch(r"\+999\d{12}", now["phone"])
        assert now["iban"].startswith("DE")
        assert is_iban(now["iban"])
        assert is_card(now["card"])
        assert now["token"].version == 4
        assert str(now["machine"]).startswith("2001:db8:" if ":" in str(was["machine"]) else "2")
        assert 0 < abs((now["born"] - was["born"]).days) <= 30
        assert now["seen"].time() == was["seen"].time()
        assert now["seen"] != was["seen"]
        assert now["number"] in range(2**15)
        assert now["big"] in range(2**31, 2**63)
        assert now["numbers"] == [now["number"], None]
        assert now["tags"][1:] == [None, ""]
        assert set(now["extra"]) >= {"name", "n", "deep"}
        assert len(now["extra"]) == 4
        assert now["plain"] == {}
        assert len(now["photo"]) == 32
        assert now["at"].endswith("@example.invalid")
        assert now["favourite"] == "blue"
        assert now["secret"].startswith("!")
        assert len(now["secret"]) == 41
        assert now["note"] is None
        assert now["page"].startswith("https://example.invalid/")
        assert len(now["initials"]) == 8
        assert [name for name in names if was[name] == now[name]] in ([], ["id"])
    assert [row[0] for row in typed.run(COLUMNS)] == names
    assert typed.functions() == []


COLUMNS = """
select attname from pg_attribute where attrelid = 'person'::regclass and attnum > 0 order by attnum
"""


def test_null_stays_null_and_empty_stays_empty(typed: Copy) -> None:
    typed.mask(RULES)
    (row,) = typed.run("""
        select full_name, tags, numbers, note, phone, born, iban, token, machine, number, extra,
          photo, secret from person where id = 61""")
    assert row[:3] == ("", [], [])
    assert row[3:] == (None,) * 10


def test_nothing_of_before_is_in_the_file_nor_in_the_statistics(typed: Copy) -> None:
    typed.run("analyze")
    assert b"@real.example" in typed.file_of("person")
    assert "real.example" in str(typed.run("select * from pg_stats where tablename = 'person'"))
    typed.mask(RULES)
    content = typed.file_of("person")
    for gone in (b"real.example", b"Real Person", b"Deep ", b"pbkdf2", b"DE8937", b"411111111111"):
        assert gone not in content
    assert "real.example" not in str(typed.run("select * from pg_stats where tablename = 'person'"))
    assert b"@example.invalid" in content


def test_another_key_gives_others_and_the_same_key_the_same(newest: str) -> None:
    from pydantic import SecretStr

    found = []
    for key in (KEY, KEY, SecretStr("another")):
        with copy_on(newest, TYPES) as copy:
            copy.mask(RULES, key)
            found.append(copy.run("select * from person order by id"))
    assert found[0] == found[1]
    assert not set(map(str, found[0])) & set(map(str, found[2]))
    assert not {row[1] for row in found[0]} & {row[1] for row in found[2]}


def test_a_column_added_yesterday_stops_it_and_is_listed(typed: Copy) -> None:
    typed.run("alter table person add contact text")
    typed.run("update person set contact = email")
    before = typed.run("select * from person order by id")
    with pytest.raises(MaskingIncomplete) as stopped:
        typed.mask(RULES)
    assert stopped.value.lines == ('"person.contact" = { hash = "email" }  # mail addresses',)
    assert "real.example" not in str(stopped.value)
    assert typed.run("select * from person order by id") == before
    assert typed.functions() == []


def test_a_rule_of_no_column_is_told_too(typed: Copy) -> None:
    given = {**RULES, "person.gone": "keep"}
    given.pop("person.note")
    with pytest.raises(MaskingIncomplete) as stopped:
        typed.mask(given)
    assert stopped.value.unknown == ("person.gone",)
    assert "There is no column for the rule person.gone." in str(stopped.value)


@pytest.mark.parametrize(
    ("column", "rule", "why"),
    [
        ("email", "null", "it is NOT NULL"),
        ("email", {"constant": "x"}, "it is UNIQUE"),
        ("email", {"fake": "name"}, "it is UNIQUE, and there are few words; hash it"),
        ("weight", {"hash": "number"}, "numeric cannot be hashed"),
        ("born", {"hash": "date"}, "date cannot be hashed"),
        ("phone", {"shift_days": 3}, "text is no date"),
        ("initials", {"hash": "email"}, "character varying(8) is too short"),
        ("favourite", {"constant": "green"}, "InvalidTextRepresentation (22P02)"),
        ("number", {"constant": "green"}, "it is UNIQUE"),
        ("big", {"constant": "green"}, "InvalidTextRepresentation (22P02)"),
        ("email", {"hash": "name"}, "its check has 'at' does not hold"),
        ("at", {"hash": "text"}, "CheckViolation (23514), mail_check"),
        ("weight", {"sql": "weight / 0"}, "DivisionByZero (22012)"),
        ("weight", {"sql": "'x'"}, "InvalidTextRepresentation (22P02)"),
        ("weight", {"sql": "nothing_such"}, "UndefinedColumn (42703)"),
    ],
)
def test_a_rule_that_does_not_fit_is_refused_before_anything_is_touched(
    typed: Copy, column: str, rule: Any, why: str
) -> None:
    before = typed.run("select * from person order by id")
    with pytest.raises(MaskingUnfit, match=re.escape(why)) as refused:
        typed.mask({**RULES, f"person.{column}": rule})
    assert "real" not in str(refused.value).lower()
    assert typed.run("select * from person order by id") == before
    assert typed.functions() == []


def test_a_failure_in_the_middle_quotes_no_value(typed: Copy) -> None:
    """PostgreSQL's own message would: Key (…)=(…) already exists."""
    typed.run("create unique index on person (weight, favourite)")
    rule = {"sql": "case when id > 0 then 1.5 end"}
    with pytest.raises(MaskingFailed) as failed:
        typed.mask({**RULES, "person.weight": rule})
    assert str(failed.value).startswith(
        "Masking public.person failed: UniqueViolation (23505), person_weight_favourite_idx."
    )
    assert failed.value.__cause__ is None
    assert failed.value.__suppress_context__
    assert typed.functions() == []
