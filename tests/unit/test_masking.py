"""Masking without a database: what rules may be, what values look like, what is proposed."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.config import Masking, MaskingRule, parse
from fairlead.database.masking.candidates import candidates
from fairlead.database.masking.catalog import Catalog, Column, Table, written
from fairlead.database.masking.detect import by_content, by_name, found_in, is_card, is_iban
from fairlead.database.masking.expressions import expression
from fairlead.database.masking.fit import unfit
from fairlead.database.masking.forms import TEXT as TEXT_FORM
from fairlead.database.masking.forms import form_of
from fairlead.database.masking.kinds import Kind
from fairlead.database.masking.rows import proven_of
from fairlead.database.masking.rules import match
from fairlead.database.masking.session import salts
from fairlead.database.masking.statements import plan
from fairlead.database.masking.toml import rule_line
from fairlead.database.masking.words import PARTS, vocabulary
from fairlead.errors import ConfigError
from tests.bench.masked import KEY, rules

TEXT = Kind("text", "text")


def config(masking: Any) -> Any:
    return parse(
        {
            "project": "shop",
            "registry": {"host": "registry.example"},
            "services": {"web": {"image": "web"}},
            "environments": {"dev": {"hosts": ["unix:///x"], "domain": "dev.example"}},
            "masking": masking,
        },
        source="fairlead.toml",
    )


def column(name: str, kind: Kind = TEXT, **more: Any) -> Column:
    return Column(more.pop("schema", "public"), more.pop("table", "a"), name, "text", kind, **more)


def catalog(*columns: Column, rows: int = 0, kind: str = "r") -> Catalog:
    tables: dict[tuple[str, str], list[Column]] = {}
    for one in columns:
        tables.setdefault((one.schema, one.table), []).append(one)
    made = [Table(*place, kind, rows, False, tuple(of)) for place, of in tables.items()]
    return Catalog("app", tuple(made), 0)


# -- the config --------------------------------------------------------------------------------


def test_rules_are_read_as_they_are_written() -> None:
    read = config({"key": "env:K", "rules": {"a.b": "keep", "a.c": {"hash": "email"}}}).masking
    assert read.rules == {
        "a.b": MaskingRule(way="keep"),
        "a.c": MaskingRule(way="hash", argument="email"),
    }


def test_rules_are_policy_and_not_kept_with_a_release() -> None:
    now = config({"key": "env:K", "rules": {"a.b": "keep"}})
    assert "masking" not in now.snapshot()
    assert now.recorded(config({"key": "env:L"}).snapshot()).masking == now.masking


@pytest.mark.parametrize(
    "rule",
    [
        "kept",
        {},
        {"hash": "email", "fake": "name"},
        {"hash": "E-Mail"},
        {"hash": 1},
        {"fake": "moon"},
        {"shift_days": 0},
        {"shift_days": True},
        {"sql": " "},
        {"constant": ["x"]},
        {"way": "keep"},
        7,
    ],
)
def test_what_is_no_rule_is_refused(rule: Any) -> None:
    with pytest.raises(ConfigError, match=r'masking\.rules\.a\.b: should be "keep", "null"'):
        config({"key": "env:K", "rules": {"a.b": rule}})


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("a.*", "keep"),
        ("a.*", {"hash": "email"}),
        ("*.b", "keep"),
        ("*.b", "shuffle"),
        ("*.b", {"sql": "b"}),
        ("a.b", "empty"),
        ("ab", "keep"),
        ("pg_largeobject.*", "null"),
    ],
)
def test_a_pattern_may_only_do_what_shows_nothing_of_columns_to_come(name: str, rule: Any) -> None:
    with pytest.raises(ConfigError, match="has to be"):
        config({"key": "env:K", "rules": {name: rule}})


def test_the_key_is_a_reference_and_is_not_shown_where_it_is_not() -> None:
    with pytest.raises(ConfigError) as refused:
        config({"key": "the very key"})
    assert "very" not in str(refused.value)


# -- which rule, and whether it fits -----------------------------------------------------------


def test_the_nearest_rule_counts_and_nothing_goes_without_one() -> None:
    columns = [column("b", schema=schema) for schema in ("public", "one")] + [
        column("c"),
        column("d"),
    ]
    given = rules({"a.b": "keep", "one.a.b": "null", "*.c": {"hash": "x"}, "a.gone": "keep"}).rules
    matched = match(catalog(*columns), given)
    assert matched.rules["public", "a", "b"].way == "keep"
    assert matched.rules["one", "a", "b"].way == "null"
    assert matched.rules["public", "a", "c"].way == "hash"
    assert [one.name for one in matched.missing] == ["d"]
    assert matched.unknown == ["a.gone"]


def test_an_emptied_table_is_empty_whatever_its_columns_say() -> None:
    whole = catalog(column("b"))
    matched = match(whole, rules({"a.b": "keep", "a.*": "empty"}).rules)
    planned = plan(whole.tables[0], matched)
    assert planned is not None
    assert planned.emptied


def test_names_that_could_be_read_otherwise_are_quoted() -> None:
    assert written("order line") == "order line"
    assert written("a.b") == '"a.b"'
    assert written('say "x"') == '"say ""x"""'
    assert column("c", table="a.b").short == '"a.b".c'


def test_a_generated_column_needs_no_rule_and_can_have_none() -> None:
    whole = catalog(column("b"), column("c", generated=True))
    assert match(whole, rules({"a.b": "keep"}).rules).missing == []
    given = {"a.b": "keep", "a.c": {"hash": "x"}}
    assert unfit(whole, match(whole, rules(given).rules)) == [
        "a.c = { hash = 'x' }: it is generated; mask what it is made of"
    ]


@pytest.mark.parametrize(
    ("own", "other", "fits"),
    [
        ("keep", "keep", True),
        ({"hash": "x"}, {"hash": "x"}, True),
        ({"hash": "x"}, {"hash": "y"}, False),
        ({"hash": "x"}, "keep", False),
        ("keep", {"hash": "x"}, False),
        ("null", {"hash": "x"}, True),
        ("shuffle", "keep", True),
        ({"constant": "x"}, {"constant": "x"}, False),
    ],
)
def test_a_foreign_key_has_the_rule_of_what_it_refers_to(own: Any, other: Any, fits: bool) -> None:
    whole = catalog(column("b", refers=(("public", "t", "id"),)), column("id", table="t"))
    found = unfit(whole, match(whole, rules({"a.b": own, "t.id": other}).rules))
    assert (found == []) is fits, found


def test_a_unique_column_is_not_given_values_of_which_there_are_too_few() -> None:
    given = rules({"a.b": {"hash": "card"}}).rules
    few = catalog(column("b", unique=True), rows=1000)
    many = catalog(column("b", unique=True), rows=100_000)
    assert unfit(few, match(few, given)) == []
    assert unfit(many, match(many, given)) == [
        "a.b = { hash = 'card' }: it is UNIQUE, and there are too few such values for 100000 rows"
    ]


def test_rows_of_another_server_can_only_be_kept() -> None:
    whole = catalog(column("b"), kind="f")
    assert unfit(whole, match(whole, rules({"a.b": "keep"}).rules)) == []
    assert "on another server" in unfit(whole, match(whole, rules({"a.b": "null"}).rules))[0]


def test_the_key_is_in_no_statement_and_salts_differ() -> None:
    given = rules({"a.b": {"hash": "x"}, "a.c": {"hash": "y"}, "a.d": {"fake": "name"}}).rules
    made = salts(KEY, given.values())
    assert sorted(made) == [
        "fairlead.masking_fake_name",
        "fairlead.masking_x",
        "fairlead.masking_y",
    ]
    assert len(set(made.values())) == 3
    value = expression(column("b"), given["a.b"])
    assert value is not None
    assert not any(salt in value.as_string() for salt in (*made.values(), KEY.get_secret_value()))


@pytest.mark.parametrize("meaning", ["document", "text", "customer_no"])
def test_any_other_meaning_makes_plain_text(meaning: str) -> None:
    assert form_of(column("b"), MaskingRule(way="hash", argument=meaning)) is TEXT_FORM


# -- what it looks like ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["ok", "a note to ann@real.example, please"], "email"),
        (["pay to DE89 3704 0044 0532 0130 00 soon"], "iban"),
        (["4111 1111 1111 1111"], "card"),
        (["4111 1111 1111 1112"], None),
        (["+49 30 901820", "030 901820"], "phone"),
        (["postgres://me:secret@db/x"], "url"),
        (["https://real.example/path"], None),
        (["10.0.0.1", "fe80::1"], "ip"),
        (["Ada Lovelace", "Søren Kierkegaard", "Мария Петрова"], "name"),
        (["Hauptstraße 12, Berlin", "221 Baker Street"], "address"),
        (["pbkdf2_sha256$1$x$y"], "password"),
        (["ghp_1234567890abcdefABCDEF"], "token"),
        (["1970-02-03", "1985-11-30"], "birthday"),
        (["open", "closed"], None),
        (["", "  "], None),
        (["The customer said that he would rather have it on Monday."], "text"),
    ],
)
def test_values_are_told_by_what_they_look_like(values: list[str], kind: str | None) -> None:
    assert by_content(values) == kind


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("contactEmail", "email"),
        ("e_mail", "email"),
        ("password", "password"),
        ("mobile_phone", "phone"),
        ("dob", "birthday"),
        ("first_name", "first_name"),
        ("api_key", "token"),
        ("remote_addr", "ip"),
        ("note", "text"),
        ("weight", None),
        ("shipped", None),
    ],
)
def test_columns_are_told_by_their_names(name: str, kind: str | None) -> None:
    assert by_name(name) == kind


@pytest.mark.parametrize(
    "number",
    ["GB82 WEST 1234 5698 7654 32", "FR1420041010050500013M02606", "de89370400440532013000"],
)
def test_an_iban_is_known_by_its_check_digits(number: str) -> None:
    assert is_iban(number)
    assert not is_iban(number[:-1] + "1" if number[-1] != "1" else number[:-1] + "2")


@given(st.text(alphabet="0123456789", min_size=12, max_size=18))
def test_one_check_digit_in_ten_makes_a_card(base: str) -> None:
    fits = [is_card(base + digit) for digit in "0123456789"]
    assert sum(fits) == 1 or len(set(base)) == 1


@given(st.text())
def test_any_text_can_be_looked_at(text: str) -> None:
    list(found_in(text))
    by_content([text])
    by_name(text)


def test_what_masking_makes_is_not_taken_for_what_was_there() -> None:
    text = "0123456789abcdef@example.invalid DE00012345678901234567 4000001234567890"
    assert list(found_in(text)) == []


# -- proposals ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "values", "wanted"),
    [
        (column("contact"), ["ann@real.example"], '{ hash = "email" }  # mail addresses'),
        (column("email"), [], '{ hash = "email" }  # mail addresses, by its name'),
        (column("status"), ["open"], '"keep"  # by its name'),
        (column("status"), ["ann@real.example"], '{ hash = "email" }  # mail addresses'),
        (column("x"), ["a", "b"] * 40, '"keep"  # few different values'),
        (column("x"), [], '{ hash = "text" }  # text of any kind'),
        (column("id", Kind("integer", "int8"), primary=True), [], '"keep"  # a key'),
        (column("id", Kind("integer", "int8")), ["4111111111111111"], '{ hash = "card" }'),
        (column("extra", Kind("json", "jsonb")), ["a@b.example"], '{ hash = "text" }'),
        (column("born", Kind("date", "date")), ["1970-01-02"], "{ shift_days = 180 }"),
        (column("made", Kind("date", "date")), ["2025-01-02"], '"keep"'),
        (column("photo", Kind("bytes", "bytea")), [], '"null"'),
        (column("host", Kind("address", "inet")), [], '{ hash = "ip" }'),
        (column("words", Kind("other", "tsvector")), [], '"null"'),
        (column("colour", Kind("enum", "colour")), [], '"keep"'),
        (column("name", table="auth_permission"), [], '"keep"  # Django\'s own'),
        (column("password", table="auth_user"), [], '{ hash = "password" }'),
    ],
)
def test_what_is_proposed(given: Column, values: list[str], wanted: str) -> None:
    rule, why = next(candidates(given, values))
    assert rule_line(given.short, rule, why).startswith(f'"{given.short}" = {wanted}')


@given(
    st.text(),
    st.one_of(st.text(min_size=1), st.integers(-(2**60), 2**60), st.booleans()),
    st.text(),
)
def test_a_line_is_read_back_as_the_rule_that_it_is_of(
    name: str, constant: str | int | bool, why: str
) -> None:
    name = name.encode("utf-8", "replace").decode()
    rule = MaskingRule(way="constant", argument=constant)
    read = tomllib.loads(rule_line(f"a.{name}", rule, why))
    assert read == {f"a.{name}": {"constant": constant}}
    again = Masking.model_validate({"key": "env:K", "rules": {"a.b": read[f"a.{name}"]}})
    assert again.rules["a.b"] == rule


def test_words_are_plenty_and_of_several_scripts() -> None:
    assert set(PARTS) == {"name", "first_name", "last_name", "company", "street", "city", "address",
                          "words"}  # fmt: skip
    for kind in PARTS:
        assert len(vocabulary(kind)) >= 20
    assert {"Мария", "陽菜", "محمد", "Ada"} <= set(vocabulary("name"))


def test_of_tables_that_all_tenants_have_fewer_rows_are_looked_at() -> None:
    assert [proven_of(alike) for alike in (0, 1, 10, 200)] == [3000, 3000, 300, 100]
