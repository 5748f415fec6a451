"""What the code that runs now may not live with, and what a statement worked on."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from fairlead.database.preview.model import Table, Verdict, Work, WorkKind
from fairlead.database.preview.rules import troubles, widens, works

Change = Callable[[dict[str, Any]], Any]
ORDER = Table("public", "order")


def column(name: str, kind: str = "integer", **given: bool) -> dict[str, Any]:
    plain = {"not_null": False, "filled": False, "always": False}
    return {"name": name, "type": kind, **plain, **given}


def constraint(kind: str, *columns: int, valid: bool = True) -> dict[str, Any]:
    return {"name": "rule", "type": kind, "valid": valid, "columns": list(columns), "to": 0}


def index(*columns: int, unique: bool = False) -> dict[str, Any]:
    made = {"name": "made", "unique": unique, "valid": True, "file": 70}
    return {**made, "columns": list(columns)}


def order() -> dict[str, Any]:
    return {
        "schema": "public",
        "name": "order",
        "kind": "r",
        "file": 100,
        "columns": {
            "1": column("id", "bigint", not_null=True, filled=True),
            "2": column("label", "character varying(50)"),
        },
        "constraints": {},
        "indexes": {"9": index(1, unique=True)},
    }


def changed(change: Change) -> dict[str, Any]:
    made = copy.deepcopy(order())
    change(made)
    return made


def adds(number: str, **given: Any) -> Change:
    return lambda table: table["columns"].update({number: column("more", **given)})


def alters(number: str, **given: Any) -> Change:
    return lambda table: table["columns"][number].update(given)


def restricts(kind: str, *columns: int) -> Change:
    return lambda table: table["constraints"].update({"7": constraint(kind, *columns)})


def both(*changes: Change) -> Change:
    return lambda table: [change(table) for change in changes]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table["columns"].pop("2"), "public.order.label is dropped"),
        (alters("2", name="title"), "public.order.label is called title now"),
        (
            alters("2", type="character varying(20)"),
            "public.order.label was character varying(50) and is character varying(20)",
        ),
        (alters("2", not_null=True), "public.order.label is NOT NULL now, and was not"),
        (
            alters("1", always=True),
            "public.order.id is GENERATED ALWAYS now: INSERTs that give it fail",
        ),
        (alters("1", filled=False), "public.order.id has no default in the database any more"),
        (lambda table: table.update(name="orders"), "public.order is called public.orders now"),
        (
            adds("3", not_null=True),
            "public.order.more is new, NOT NULL, and has no default in the database: INSERTs that "
            "do not know it fail",
        ),
    ],
)
def test_what_is_taken_from_the_old_code_breaks_it(change: Change, words: str) -> None:
    (trouble,) = troubles({"1": order()}, {"1": changed(change)}).values()
    assert (trouble.verdict, trouble.words) == (Verdict.BREAKS, words)


def test_table_that_is_dropped_breaks_it() -> None:
    (trouble,) = troubles({"1": order()}, {}).values()
    assert (trouble.verdict, trouble.words) == (Verdict.BREAKS, "public.order is dropped")


@pytest.mark.parametrize(
    "change",
    [
        adds("3"),
        adds("3", not_null=True, filled=True),
        alters("2", type="character varying(51)"),
        alters("2", type="text"),
        alters("2", filled=True),
        alters("1", not_null=False),
        restricts("f", 3),
        both(adds("3"), restricts("u", 3)),
        lambda table: table["indexes"].update({"8": index(2)}),
        lambda table: table.update(file=101),
    ],
)
def test_what_is_only_added_is_safe(change: Change) -> None:
    assert troubles({"1": order()}, {"1": changed(change)}) == {}


def test_new_table_is_safe() -> None:
    assert troubles({}, {"1": order()}) == {}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (restricts("u", 2), "unique constraint rule"),
        (restricts("c", 2, 3), "check constraint rule"),
        (restricts("f", 2), "foreign key constraint rule"),
        (restricts("x"), "exclusion constraint rule"),
        (both(adds("3", filled=True, not_null=True), restricts("u", 3)), "unique constraint rule"),
        (
            lambda table: table["indexes"].update({"8": index(2, unique=True)}),
            "unique index made",
        ),
        (
            lambda table: table["indexes"].update({"8": index(0, unique=True)}),  # lower(label)
            "unique index made",
        ),
        (both(adds("3"), restricts("x", 3, 0)), "exclusion constraint rule"),
    ],
)
def test_new_rule_on_known_columns_may_refuse_what_the_old_code_writes(
    change: Change, what: str
) -> None:
    (trouble,) = troubles({"1": order()}, {"1": changed(change)}).values()
    words = f"the new {what} of public.order may refuse what the code writes"
    assert (trouble.verdict, trouble.words) == (Verdict.MAY_BREAK, words)


def test_unique_index_that_is_gone_may_be_what_an_upsert_of_the_old_code_needs() -> None:
    gone = changed(lambda table: table["indexes"].clear())
    (trouble,) = troubles({"1": order()}, {"1": gone}).values()
    assert (trouble.verdict, trouble.words) == (
        Verdict.MAY_BREAK,
        "public.order has no unique index like made any more: INSERTs fail whose ON CONFLICT names "
        "its columns",
    )


@pytest.mark.parametrize("columns", [[1, 2], [2, 1]])
def test_unique_index_that_another_one_replaces_is_not_missed(columns: list[int]) -> None:
    old = changed(lambda table: table["indexes"].update({"9": index(1, 2, unique=True)}))
    new = changed(lambda table: table.update(indexes={"8": index(*columns, unique=True)}))
    assert not any(key[1] == "lost" for key in troubles({"1": old}, {"1": new}))


def test_unique_index_of_a_column_that_is_dropped_is_told_with_it() -> None:
    old = changed(lambda table: table["indexes"].update({"8": index(2, unique=True)}))
    new = changed(lambda table: table["columns"].pop("2"))
    (trouble,) = troubles({"1": old}, {"1": new}).values()
    assert trouble.words == "public.order.label is dropped"


@pytest.mark.parametrize(
    ("old", "new", "wider"),
    [
        ("integer", "integer", True),
        ("integer", "bigint", True),
        ("bigint", "integer", False),
        ("smallint", "bigint", True),
        ("real", "double precision", True),
        ("character varying(10)", "character varying(11)", True),
        ("character varying(10)", "character varying(9)", False),
        ("character varying(10)", "character varying", True),
        ("character varying(10)", "text", True),
        ("character varying", "character varying(10)", False),
        ("text", "character varying", True),
        ("text", "integer", False),
        ("numeric(10,2)", "numeric(12,2)", True),
        ("numeric(10,2)", "numeric(12,3)", False),
        ("numeric(10,2)", "numeric", True),
        ("numeric", "numeric(10,2)", False),
        ("jsonb", "text", False),
    ],
)
def test_type_is_wider_only_where_every_old_value_is_one_of_the_new(
    old: str, new: str, wider: bool
) -> None:
    assert widens(old, new) is wider


@pytest.mark.parametrize(
    ("change", "tag", "validated", "kinds"),
    [
        (lambda table: table.update(file=101), "ALTER TABLE", (), [WorkKind.REWRITES]),
        (lambda table: table.update(file=101), "TRUNCATE TABLE", (), []),
        (
            lambda table: table["indexes"].update({"8": index(2)}),
            "CREATE INDEX",
            (),
            [WorkKind.INDEXES],
        ),
        (
            lambda table: table["indexes"]["9"].update(file=71),
            "ALTER TABLE",
            (),
            [WorkKind.INDEXES],
        ),
        (restricts("f", 2), "ALTER TABLE", ("rule",), [WorkKind.VALIDATES]),
        (restricts("f", 2), "ALTER TABLE", (), []),
        (adds("3"), "ALTER TABLE", (), []),
    ],
)
def test_work_shows_in_files_and_in_what_was_validated(
    change: Change, tag: str, validated: tuple[str, ...], kinds: list[WorkKind]
) -> None:
    done = works({"1": order()}, {"1": changed(change)}, tag, validated)
    assert list(done) == [Work(kind, ORDER) for kind in kinds]


def test_new_table_is_no_work() -> None:
    assert list(works({}, {"1": order()}, "CREATE TABLE", ())) == []
