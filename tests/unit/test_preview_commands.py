"""The programs that a preview runs: their arguments, whole."""

from pathlib import Path

import pytest

from fairlead.database.backup.programs import Programs
from fairlead.database.preview.clone import dump_command, restore_command
from fairlead.database.preview.linter import LEFT_OUT, lint_command, linted, squawk
from fairlead.database.preview.model import PreviewedMigration, Stage, Statement
from fairlead.errors import LinterMissing

PROGRAMS = Programs(Path("/pg/bin"), 17)


def test_schema_is_dumped_without_rows_and_without_what_only_a_superuser_may_make() -> None:
    assert dump_command(PROGRAMS, Path("/tmp/schema"), ["beta", 'Od"d'], 2.5) == [
        "/pg/bin/pg_dump",
        "--schema-only",
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        "--no-tablespaces",
        "--lock-wait-timeout=2500",
        "--no-password",
        "--file=/tmp/schema",
        '--exclude-schema="beta"',
        '--exclude-schema="Od""d"',
    ]


def test_copy_is_made_whole_or_not_at_all() -> None:
    assert restore_command(PROGRAMS, Path("/tmp/schema"), "a b", "shop") == [
        "/pg/bin/pg_restore",
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--no-password",
        "--role=shop",
        "--dbname=dbname='a b'",
        "/tmp/schema",
    ]
    assert "--role" not in " ".join(restore_command(PROGRAMS, Path("/tmp/schema"), "a", None))


def test_squawk_is_there_and_left_to_what_it_knows() -> None:
    assert squawk().name == "squawk"
    assert lint_command(Path("/squawk"), 17, atomic=True) == [
        "/squawk",
        "--reporter=json",
        "--pg-version=17.0",
        f"--exclude={','.join(LEFT_OUT)}",
        "--assume-in-transaction",
    ]
    assert "--assume-in-transaction" not in lint_command(Path("/squawk"), 17, atomic=False)


def stage(*statements: str) -> Stage:
    made = tuple(Statement(sql) for sql in statements)
    return Stage("", 0, (PreviewedMigration("shop", "0002", statements=made),))


def test_each_remark_stands_beside_its_statement() -> None:
    shown = stage("select 1", "alter table a\n  drop column b;", "drop table a")
    made = linted(shown, squawk(), 17)
    rules = [[one.rule for one in each.remarks] for _, each in made.statements()]
    assert rules == [[], ["ban-drop-column"], ["ban-drop-table"]]


def test_comment_at_the_end_of_a_statement_hides_no_semicolon() -> None:
    made = linted(stage("alter table a add b bigint -- why", "drop table a"), squawk(), 17)
    rules = [[one.rule for one in each.remarks] for _, each in made.statements()]
    assert rules == [[], ["ban-drop-table"]]


@pytest.mark.parametrize(
    ("script", "why"),
    [
        ("echo 'error: no such version' >&2; exit 2", ": error: no such version"),
        ("exit 101", ": it ended with 101"),
        ("echo '['", ": it ended with 0"),
        ("exec sleep 60", ""),
        (None, ""),
    ],
)
def test_squawk_that_does_not_get_to_its_end_has_not_said_that_all_is_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str | None, why: str
) -> None:
    if not why:
        monkeypatch.setattr("fairlead.database.preview.linter.SECONDS", 0.5)
    program = tmp_path / "squawk"
    program.write_text(f"#!/bin/sh\ncat >/dev/null\n{script}\n")
    program.chmod(0o755 if script else 0o644)
    with pytest.raises(LinterMissing) as caught:
        linted(stage("select 1"), program, 17)
    assert caught.value.message == (
        f"squawk, which reads the SQL of migrations, cannot be run: {program}{why}."
    )
