"""What an operator has to know of a preview."""

import pytest

from fairlead.database.preview.judge import blocking
from fairlead.database.preview.model import (
    Lock,
    Preview,
    PreviewedMigration,
    Size,
    Stage,
    Statement,
    Table,
    Work,
    WorkKind,
)

A, B = Table("", "a"), Table("", "b")
UPDATE = "update a set x = 1"
OWN = Lock("ROW EXCLUSIVE", A)
LOCKED = Lock("ACCESS EXCLUSIVE", A), Lock("ACCESS EXCLUSIVE", B)


def blocked(sql: str, locks: tuple[Lock, ...], held: tuple[Lock, ...] = ()) -> list[str]:
    """By a statement that writes rows of a large table."""
    statement = Statement(sql, locks=locks, held=held, works=(Work(WorkKind.WRITES, A),))
    migrations = (PreviewedMigration("shop", "0002", statements=(statement,)),)
    sizes = (Size(A, 1000, True, 2_000_000),)
    preview = Preview(stages=(Stage("", 0, migrations, sizes),))
    assert blocking(preview, 2_000_000) == []
    return [one.words for one in blocking(preview, 1_000_000)]


@pytest.mark.parametrize(
    "sql", [UPDATE, "delete from a", "insert into a (x)\nselect x from b", "with c as () update a"]
)
def test_rows_that_are_written_while_a_table_is_locked_keep_others_out_of_it(sql: str) -> None:
    what = "writes rows of a (1,000 rows, 2.0 MB)"
    until = "until the transaction ends"
    assert blocked(sql, LOCKED[:1]) == [f"{what}: nobody reads or writes it, {until}"]
    assert blocked(sql, (OWN,), LOCKED[1:]) == [f"{what}: nobody reads or writes b, {until}"]


def test_rows_that_are_written_keep_nobody_out_by_themselves() -> None:
    assert blocked(UPDATE, (OWN,)) == []


def test_rows_that_are_given_take_no_longer_in_a_large_table() -> None:
    assert blocked("insert into a (x) values (1)", LOCKED[:1]) == []
