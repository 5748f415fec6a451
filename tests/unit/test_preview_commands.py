"""The programs that a preview runs: their arguments, whole."""

from pathlib import Path

from fairlead.database.backup.programs import Programs
from fairlead.database.preview.clone import dump_command, restore_command
from fairlead.database.preview.linter import LEFT_OUT, lint_command, squawk

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
