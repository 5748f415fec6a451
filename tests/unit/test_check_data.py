"""What is said of data that is not whole after a migration."""

from decimal import Decimal

import pytest

from fairlead.config import Check
from fairlead.database.checks.assertions import _judged
from fairlead.database.checks.rows import lost_rows
from tests.bench.example import config


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (10, 10, []),
        (10, 12, []),
        (10, 9, ["acme.orders has 9 rows, and had 10 before"]),
        (0, 0, []),
        (10, None, ["acme.orders had 10 rows and is not there any more"]),
    ],
)
def test_table_may_lose_no_row_unless_told(before: int, after: int | None, said: list[str]) -> None:
    now = {} if after is None else {("acme", "orders"): after}
    assert list(lost_rows({("acme", "orders"): before}, now, {"orders": 0.0})) == said


def test_share_of_rows_may_go_and_the_one_with_its_schema_counts_first() -> None:
    before = {("acme", "orders"): 100, ("globex", "orders"): 100}
    after = {("acme", "orders"): 90, ("globex", "orders"): 90}
    may_shrink = {"orders": 0.05, "globex.orders": 0.1}
    assert list(lost_rows(before, after, may_shrink)) == [
        "acme.orders has 90 rows, and had 100 before; 5% may go"
    ]


@pytest.mark.parametrize(
    ("expect", "rows", "said"),
    [
        (None, [], ""),
        (None, [(1,)], "1 rows, and there should be none"),
        (0, [(0,)], ""),
        (0, [(Decimal("0.00"),)], ""),
        (2.5, [(Decimal("2.5"),)], ""),
        (0, [(3,)], "it is not 0"),
        (True, [(True,)], ""),
        (True, [(1,)], "it is not True"),
        (1, [(True,)], "it is not 1"),
        ("draft", [("draft",)], ""),
        ("draft", [("planted-personal-value",)], "it is not 'draft'"),
        (0, [(None,)], "it is not 0"),
        (0, [], "it should answer with one value, and does with 0 rows"),
        (0, [(0,), (0,)], "it should answer with one value, and does with 2 rows"),
    ],
)
def test_answer_of_a_check_is_compared_and_not_told(
    expect: bool | int | float | str | None, rows: list[tuple[object]], said: str
) -> None:
    check = Check(sql="select 1", expect=expect)
    assert _judged(check, [{"value": row[0]} for row in rows], len(rows)) == said


def test_check_has_its_name_or_its_sql_for_one() -> None:
    assert Check(sql="select  1\n from  t").label == "`select 1 from t`"
    assert Check(sql="select 1", name="orders have customers").label == "orders have customers"


def test_checks_are_of_today_whatever_was_released_then() -> None:
    now = config(checks=[{"sql": "select 1", "expect": 1}])
    snapshot = config().snapshot()
    assert "checks" not in now.snapshot()
    assert now.recorded(snapshot).checks == now.checks
