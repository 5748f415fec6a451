"""What a statement changes that no table's shape shows."""

import pytest

from fairlead.database.preview.effects import READ, effects

TRIGGER = "a trigger changes what happens where the code that runs now writes: read it"
RULE = "a rule changes what statements of the code that runs now do: read it"
HIDES = "row level security may hide rows from the code that runs now, and refuse what it writes"
HIDES_OTHERS = (
    "row level security hides other rows from the code that runs now than before: read it"
)
FUNCTION = "a function that the code that runs now may call is not what it was: read it"
VIEW = "a view that the code that runs now may read is not what it was: read it"
BODY = "() returns int language plpgsql as $body$ begin perform 1; return 2; end $body$"
OF_TABLES = [
    (
        "create trigger t before insert on a execute function f()",
        "CREATE TRIGGER",
        "unknown",
        TRIGGER,
    ),
    ("drop trigger t on a", "DROP TRIGGER", "unknown", TRIGGER),
    ("alter table a disable trigger t", "ALTER TABLE", "unknown", TRIGGER),
    ("create rule r as on delete to a do instead nothing", "CREATE RULE", "unknown", RULE),
    ("drop rule r on a", "DROP RULE", "unknown", RULE),
    ("create policy p on a using (true)", "CREATE POLICY", "may break", HIDES),
    ("alter table a enable  row\nlevel security", "ALTER TABLE", "may break", HIDES),
    ("alter table a force row level security", "ALTER TABLE", "may break", HIDES),
    ("alter table a no force row level security", "ALTER TABLE", "unknown", HIDES_OTHERS),
    ("alter table a disable row level security", "ALTER TABLE", "unknown", HIDES_OTHERS),
    ("drop policy p on a", "DROP POLICY", "unknown", HIDES_OTHERS),
    ("create or replace view a as select 1", "CREATE VIEW", "unknown", VIEW),
]


def found(sql: str, tag: str, *, own: bool = True, known: bool = True) -> list[tuple[str, str]]:
    return [(str(one.verdict), one.words) for one in effects(sql, tag, own=own, of_known=known)]


@pytest.mark.parametrize(("sql", "tag", "verdict", "words"), OF_TABLES)
def test_what_changes_what_the_code_does_with_a_table_is_not_known_to_be_safe(
    sql: str, tag: str, verdict: str, words: str
) -> None:
    assert found(sql, tag) == [(verdict, words)]
    assert found(sql, tag, own=False) == [(verdict, words)]
    assert found(sql, tag, known=False) == []


@pytest.mark.parametrize("known", [True, False])
def test_function_is_safe_where_it_is_new(known: bool) -> None:
    create = "create {}function f" + BODY
    assert found(create.format(""), "CREATE FUNCTION", known=known) == []
    for sql, tag in (
        (create.format("or replace "), "CREATE FUNCTION"),
        ("drop function f()", "DROP FUNCTION"),
        ("alter function f() set search_path = a", "ALTER FUNCTION"),
    ):
        assert found(sql, tag, known=known) == [("unknown", FUNCTION)]


@pytest.mark.parametrize(
    ("sql", "tag"),
    [
        ("alter table a add x int;", "ALTER TABLE"),
        ("alter table a alter x set default 'a; b'", "ALTER TABLE"),
        ("comment on table a is 'create trigger; drop rule'", "COMMENT"),
        ("alter table a add x int; -- create trigger", "ALTER TABLE"),
        ("alter table a add x int /* row level; security */", "ALTER TABLE"),
        ("create view v as select 1", "CREATE VIEW"),
        ("set constraints all immediate", "SET CONSTRAINTS"),
    ],
)
def test_what_is_only_quoted_or_remarked_is_not_done(sql: str, tag: str) -> None:
    assert found(sql, tag) == []


@pytest.mark.parametrize(
    ("sql", "tag"),
    [
        ("update a set x = 1", "UPDATE 3"),
        ("do $$ begin end $$", "DO"),
        ("revoke select on a from shop", "REVOKE"),
        ("drop type t", "DROP TYPE"),
        ("alter table a add x text default e'\\'; '; update a set y = 1", "ALTER TABLE"),
        ("create function f" + BODY + "; select f()", "CREATE FUNCTION"),
    ],
)
def test_the_projects_own_sql_is_read_by_somebody_where_nothing_shows_what_it_does(
    sql: str, tag: str
) -> None:
    assert found(sql, tag) == [("unknown", READ)]
    assert found(sql, tag, own=False) == []
