"""A second opinion on the SQL, of squawk, which knows PostgreSQL and nothing of this database.

https://squawkhq.com/docs/rules
"""

import json
import subprocess
import sysconfig
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fairlead.database.preview.model import PreviewedMigration, Remark, Stage, Statement
from fairlead.errors import LinterMissing

# What Fairlead sees to itself (time limits, transactions), and taste in types.
LEFT_OUT = (
    "prefer-bigint-over-int",
    "prefer-bigint-over-smallint",
    "prefer-identity",
    "prefer-robust-stmts",
    "prefer-text-field",
    "prefer-timestamp-tz",
    "require-lock-timeout",
    "require-statement-timeout",
    "require-timeout-settings",
)

SECONDS = 60.0  # for the statements of one migration


def lint_command(program: Path, major: int, *, atomic: bool) -> list[str]:
    return [
        str(program),
        "--reporter=json",
        f"--pg-version={major}.0",
        f"--exclude={','.join(LEFT_OUT)}",
        *(["--assume-in-transaction"] if atomic else []),
    ]


def squawk() -> Path:
    """Where the package has put it. Raises LinterMissing."""
    program = Path(sysconfig.get_path("scripts")) / "squawk"
    if not program.exists():
        raise LinterMissing(str(program))
    return program


def linted(stage: Stage, program: Path, major: int) -> Stage:
    """With what squawk says of each statement. Raises LinterMissing."""
    migrations = (_linted(one, program, major) for one in stage.migrations)
    return replace(stage, migrations=tuple(migrations))


def _linted(migration: PreviewedMigration, program: Path, major: int) -> PreviewedMigration:
    if not migration.statements:
        return migration
    text, ends = _numbered(migration.statements)
    command = lint_command(program, major, atomic=migration.atomic)
    remarks: list[list[Remark]] = [[] for _ in migration.statements]
    for one in _said(command, text):
        at = next(at for at, end in enumerate(ends) if one["line"] < end)
        remark = Remark(one["rule_name"], one["message"].partition(". ")[0].rstrip("."))
        if remark not in remarks[at]:
            remarks[at].append(remark)
    return replace(
        migration,
        statements=tuple(
            replace(statement, remarks=tuple(said))
            for statement, said in zip(migration.statements, remarks, strict=True)
        ),
    )


def _said(command: Sequence[str], text: str) -> list[dict[str, Any]]:
    """What squawk finds in `text`: `[]` where that is nothing, so no answer is a failure."""
    try:
        done = subprocess.run(  # noqa: S603 an argument list
            command, input=text, capture_output=True, text=True, timeout=SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LinterMissing(command[0]) from error
    try:
        found: list[dict[str, Any]] = json.loads(done.stdout)
    except ValueError as error:
        why = (done.stderr.strip().splitlines() or [f"it ended with {done.returncode}"])[0]
        raise LinterMissing(f"{command[0]}: {why}") from error
    return found


def _numbered(statements: Sequence[Statement]) -> tuple[str, Sequence[int]]:
    """All statements as one text, and the line after each."""
    lines: list[str] = []
    ends = []
    for sql in _texts(statements):
        lines += sql.splitlines() or [""]
        ends.append(len(lines))
    return "\n".join(lines), ends


def _texts(statements: Iterable[Statement]) -> Iterable[str]:
    """The semicolon on a line of its own: the last one may end in a comment."""
    return (f"{statement.sql.rstrip().rstrip(';')}\n;" for statement in statements)
