"""What holds of masking whatever the values are."""

import random
from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from examples.stand.postgres import Postgres
from fairlead.database.masking.compare import texts
from fairlead.errors import MaskingIncomplete
from tests.bench.masked import KEY, Copy, copy_on

MADE = """
drop schema if exists one cascade; drop schema if exists two cascade;
drop table if exists person, other; create schema one; create schema two;
create table person (id int primary key, mail text, code varchar(40), number bigint, ref uuid,
  tags text[], extra jsonb, raw bytea, name text, born date);
create table one.visit (id int primary key, mail text, number int, small smallint);
create table two.visit (id int primary key, mail text, number int, small smallint);
create table other (id int primary key, mail varchar(300));
"""
RULES: dict[str, Any] = {
    "person.id": "keep",
    "person.mail": {"hash": "email"},
    "person.code": {"hash": "code"},
    "person.number": {"hash": "number"},
    "person.ref": {"hash": "ref"},
    "person.tags": {"hash": "code"},
    "person.extra": {"hash": "code"},
    "person.raw": {"hash": "raw"},
    "person.name": {"fake": "name"},
    "person.born": {"shift_days": 400},
    "visit.id": "keep",
    "visit.mail": {"hash": "email"},
    "visit.number": {"hash": "number"},
    "visit.small": {"hash": "number"},
    "other.id": "keep",
    "other.mail": {"hash": "email"},
}
# All that PostgreSQL takes as text: no NUL, no surrogates; U+0001, joiners, any script.
WORD = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=40)
LEAF = st.one_of(st.none(), st.booleans(), st.integers(-(10**17), 10**17), WORD)
DOCUMENT = st.recursive(
    LEAF, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORD, inner, max_size=3)
)
PERSON = st.fixed_dictionaries(
    {
        "mail": st.none() | WORD,
        "code": st.none() | WORD,
        "number": st.none() | st.integers(-(2**63), 2**63 - 1),
        "ref": st.none() | st.uuids(),
        "tags": st.none() | st.lists(st.none() | WORD, max_size=4),
        "extra": st.none() | DOCUMENT.map(Jsonb),
        "raw": st.none() | st.binary(max_size=40),
        "name": st.none() | WORD,
        # Some centuries of room: Python knows no date after the year 9999.
        "born": st.none() | st.dates(date(1000, 1, 1), date(9000, 1, 1)),
    }
)
PEOPLE = st.lists(PERSON, min_size=1, max_size=8)


@pytest.fixture(scope="module")
def copy(newest: str) -> Iterator[Copy]:
    with copy_on(newest) as made:
        yield made


def fill(copy: Copy, people: list[dict[str, Any]]) -> None:
    copy.run(MADE)
    for at, person in enumerate(people):
        names = ", ".join(person)
        marks = ", ".join(["%s"] * len(person))
        copy.run(f"insert into person (id, {names}) values ({at}, {marks})", [*person.values()])
        small = (person["number"] or 0) % 2**15
        for table in ("one.visit", "two.visit"):
            copy.run(f"insert into {table} values (%s, %s, %s, %s)", [at, person["mail"],
                                                                     small, small])  # fmt: skip
        copy.run("insert into other values (%s, %s)", [at, person["mail"]])


def strings(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return {text for part in parts for text in strings(part)}


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(PEOPLE)
def test_whatever_the_values_are(copy: Copy, people: list[dict[str, Any]]) -> None:
    fill(copy, people)
    query = (
        "select id, mail, code, number, ref, tags, extra, raw, name, born from person order by id"
    )
    before = copy.run(query)
    copy.mask(RULES)
    after = copy.run(query)
    for old, new in zip(before, after, strict=True):
        # NULL stays NULL, nothing becomes NULL, and what was empty is empty.
        assert [value is None for value in old] == [value is None for value in new]
        for was, now in zip(old[1:], new[1:], strict=True):
            assert not (strings(was) - {""}) & strings(now)
            if was not in (None, "", [], {}, b"", True, False, 0) and not isinstance(was, int):
                assert was != now or not (strings(was) - {""})
    for at in (1, 2, 3, 4):  # equal stays equal, and what differs differs
        pairs = {(repr(old[at]), repr(new[at])) for old, new in zip(before, after, strict=True)}
        assert len({old for old, _ in pairs}) == len(pairs) == len({new for _, new in pairs})
    # The same in another table, with another type, and in each tenant.
    for table in ("one.visit", "two.visit", "other"):
        joined = f"select mail from {table} order by id"
        assert copy.column(joined) == [row[1] for row in after]
    assert copy.run("select id from one.visit where number <> small") == []


@settings(max_examples=10, suppress_health_check=list(HealthCheck))
@given(PEOPLE, st.text(st.characters(codec="utf-8"), min_size=1))
def test_nights_agree_with_the_same_key_and_only_with_it(
    copy: Copy, people: list[dict[str, Any]], other: str
) -> None:
    from pydantic import SecretStr

    nights = []
    for key in (KEY, KEY, SecretStr(f"{KEY.get_secret_value()}{other}")):
        fill(copy, people)
        copy.mask(RULES, key)
        nights.append(copy.run("select mail, code, ref, raw from person order by id"))
    assert nights[0] == nights[1]
    for first, third in zip(nights[0], nights[2], strict=True):
        for one, two in zip(first, third, strict=True):
            assert one in (None, "") or one != two


def test_numbers_of_each_width_stay_different_and_stay_as_wide(copy: Copy) -> None:
    """Also those at the ends, and the same in columns of different widths."""
    ends = [0, 1, 2**15 - 1, 2**15, 2**31 - 1, 2**31, 2**63 - 1]
    drawn = random.Random(1).sample(range(2**15), 3000)
    numbers = sorted({*ends, *(-1 - end for end in ends), *drawn})
    copy.run(MADE)
    copy.run("insert into person (id, number) select row_number() over (), n from "
             "unnest(%s::bigint[]) n", [numbers])  # fmt: skip
    copy.run("insert into one.visit (id, number, small) select row_number() over (), n, n from "
             "unnest(%s::bigint[]) n", [drawn])  # fmt: skip
    copy.mask(RULES)
    masked = copy.column("select number from person order by id")
    assert len(set(masked)) == len(numbers)
    for old, new in zip(numbers, masked, strict=True):
        assert (old < 0) is (new < 0)
        assert width(old) == width(new)
    assert sum(old == new for old, new in zip(numbers, masked, strict=True)) < 5
    of = dict(zip(numbers, masked, strict=True))
    assert copy.run("select number, small from one.visit order by id") == [
        (of[number], of[number]) for number in drawn
    ]


def width(number: int) -> int:
    whole = -1 - number if number < 0 else number
    return 2 if whole < 2**15 else 4 if whole < 2**31 else 8


@settings(max_examples=15, suppress_health_check=list(HealthCheck))
@given(st.lists(WORD.filter(bool), min_size=1, max_size=6, unique=True), st.integers(0, 2))
def test_a_column_of_mail_addresses_added_yesterday_always_stops_it(
    copy: Copy, words: list[str], kind: int
) -> None:
    """Whatever stands around the address, and of whatever type the column is."""
    copy.run(MADE)
    made = ("text", "text[]", "jsonb")[kind]
    copy.run(f"alter table person add yesterday {made}")
    for at, word in enumerate(words):
        line = f"{word} someone{at}@real.example {word}"
        value: Any = (line, [line], Jsonb({"a": [line]}))[kind]
        copy.run("insert into person (id, yesterday) values (%s, %s)", [at, value])
    with pytest.raises(MaskingIncomplete) as stopped:
        copy.mask(RULES)
    assert len(stopped.value.lines) == 1
    assert stopped.value.lines[0].startswith('"person.yesterday" = { hash = ')
    assert "mail addresses" in stopped.value.lines[0]
    assert "real.example" not in str(stopped.value)


def test_citext_takes_both_kinds_of_letters_for_the_same(postgres: Postgres) -> None:
    """On the older server, which has the type."""
    content = """create extension citext;
    create table person (id int primary key, mail citext unique, others citext[]);
    create table visit (id int primary key, mail citext references person (mail));
    insert into person values (1, 'Ann@Real.example', array['BOB@real.example']::citext[]);
    insert into visit values (1, 'ANN@real.EXAMPLE')"""
    with copy_on(postgres.url(), content) as old:
        old.run("alter table visit drop constraint visit_mail_fkey")
        old.mask({
            "person.id": "keep", "person.mail": {"hash": "email"}, "visit.id": "keep",
            "person.others": {"hash": "email"}, "visit.mail": {"hash": "email"},
        })  # fmt: skip
        old.run("alter table visit add foreign key (mail) references person (mail)")
        assert "real" not in str(old.run("select * from person, visit")).lower()


def test_texts_in_arrays_and_documents_are_seen(copy: Copy) -> None:
    copy.run(MADE)
    (tags,) = [column for column in copy.catalog().columns.values() if column.name == "tags"]
    (extra,) = [column for column in copy.catalog().columns.values() if column.name == "extra"]
    assert list(texts(tags, '{a,NULL,"b c"}')) == ["a", "b c"]
    assert list(texts(extra, '{"a": ["b", 1, null, {"c": "d"}]}')) == ["b", "d"]
