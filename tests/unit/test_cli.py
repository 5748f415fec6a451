"""What the command prints: durations, tables, causes; and that a terminal obeys none of it."""

import ast
import contextlib
import io
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from fairlead import cli
from fairlead.cli import COMMANDS, fairlead, screen, tables
from fairlead.cli.context import print_json, when
from fairlead.cli.failing import print_failure
from fairlead.cli.tables import print_lines, print_table
from fairlead.errors import ConfigError, StoreUnreachable
from fairlead.model import Image, Step, StepName, StepOutcome, duration
from fairlead.plain import plain


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (0, "0.0 s"),
        (4.24, "4.2 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (60, "1 min 00 s"),
        (185.4, "3 min 05 s"),
        (3599.6, "1 h 00 min"),
        (7620, "2 h 07 min"),
    ],
)
def test_a_duration_is_told_as_people_say_it(seconds: float | None, shown: str) -> None:
    assert duration(seconds) == shown


def test_a_moment_is_told_in_the_reader_s_time_zone() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    here = moment.astimezone()
    assert when(moment) == f"{here:%Y-%m-%d %H:%M:%S}"
    assert when(moment, seconds=False) == f"{here:%Y-%m-%d %H:%M}"
    assert when(None) == ""


# -- nothing is obeyed -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("ä → ok\n\tnext", "ä → ok\n\tnext"),
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("\x1b]0;title\x07", "]0;title"),
        ("\x9b31mred", "31mred"),
        ("over\rwritten\b", "overwritten"),
        ("right\u202eleft", "rightleft"),
        ("\0\x85\u2028", ""),
    ],
)
def test_text_of_others_is_shown_without_what_a_terminal_obeys(given: str, shown: str) -> None:
    assert plain(given) == shown


@given(text=st.text())
def test_nothing_of_any_text_is_obeyed(text: str) -> None:
    assert all(character in "\n\t" or character.isprintable() for character in plain(text))


def test_only_two_modules_of_the_command_print_and_they_make_text_plain() -> None:
    raw = {"click.echo", "click.secho", "print", "sys.stdout.write", "sys.stderr.write"}
    found = {
        path.name
        for path in Path(cli.__file__).parent.glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in raw
    }
    assert found == {"failing.py", "context.py"}, "say it with echo, or with a table"


@given(text=st.text())
def test_nothing_that_is_printed_as_json_is_obeyed(text: str) -> None:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        print_json({text: [text]})
    assert all(character == "\n" or " " <= character <= "~" for character in printed.getvalue())


def test_a_table_shows_its_cells_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("NAME", "REASON"), [("[bold]a[/bold]", "\x1b[31mone\ntwo:smile:")])
    assert capsys.readouterr().out == (
        "NAME            REASON\n[bold]a[/bold]  [31mone two:smile:\n"
    )


# -- tables and lines ------------------------------------------------------------------------

COLUMNS = ("ID", "STATE", "EMPTY", "BY", "REASON")
ROWS = [
    ("12", "rolled_back", "", "alice", "a price that needs a longer explanation"),
    ("3", "succeeded", "", "bo", ""),
]


def test_without_a_terminal_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, ROWS)
    assert capsys.readouterr().out == (
        "ID  STATE        BY     REASON\n"
        "12  rolled_back  alice  a price that needs a longer explanation\n"
        "3   succeeded    bo\n"
    )


@pytest.mark.parametrize(
    ("width", "shown"),
    [
        (
            46,
            "ID  STATE        BY     REASON\n"
            "12  rolled_back  alice  a price that needs a\n"
            "                        longer explanation\n"
            "3   succeeded    bo\n",
        ),
        (
            40,
            "ID  STATE        REASON\n"
            "12  rolled_back  a price that needs a\n"
            "                 longer explanation\n"
            "3   succeeded\n",
        ),
    ],
)
def test_on_a_narrow_terminal_the_last_column_is_folded_and_others_can_be_spared(
    width: int,
    shown: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tables, "console", lambda: Console(width=width, highlight=False))
    print_table(COLUMNS, ROWS, spare=("BY",))
    assert capsys.readouterr().out == shown


def test_a_table_without_rows_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(COLUMNS, [], empty="Nothing has been released yet.")
    assert capsys.readouterr().out == "Nothing has been released yet.\n"


def test_lines_leave_out_what_has_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    print_lines([("release", "7"), ("reason", ""), ("error", "first\nsecond")])
    assert capsys.readouterr().out == "release  7\nerror    first\n         second\n"


def test_json_holds_what_the_model_holds(capsys: pytest.CaptureFixture[str]) -> None:
    print_json([Image("web", "r/web", "dev-1", "sha256:a"), datetime(2026, 1, 2, tzinfo=UTC)])
    assert capsys.readouterr().out == (
        '[\n  {\n    "service": "web",\n    "repository": "r/web",\n    "tag": "dev-1",\n'
        '    "digest": "sha256:a",\n    "revision": null,\n    "built_at": null\n  },\n'
        '  "2026-01-02T00:00:00+00:00"\n]\n'
    )


# -- errors ----------------------------------------------------------------------------------


def caused(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            caused(StoreUnreachable("h:1/d", "away"), OSError(111, "Connection refused")),
            "error: The store at h:1/d does not answer: away.\n"
            "Start it, or set FAIRLEAD_STORE_URL. Without it nothing is released.\n"
            "  because: ConnectionRefusedError: [Errno 111] Connection refused\n",
        ),
        (
            caused(
                ConfigError("f", ["cannot be read: No such file or directory"]),
                FileNotFoundError(2, "No such file or directory", "f"),
            ),
            "error: f: 1 error\n  cannot be read: No such file or directory\n"
            "Mend the file and try: fairlead check\n",
        ),
        (
            ValueError("\x1b[2Jodd"),
            "error: ValueError: [2Jodd\n"
            "  This is not an error Fairlead knows. See all of it: --verbose\n",
        ),
    ],
)
def test_an_error_is_told_with_the_causes_it_does_not_name(
    error: Exception, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_failure(error, verbose=False)
    assert capsys.readouterr().err == shown


def test_a_traceback_is_shown_on_request(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="invalid literal") as caught:
        int("odd")
    print_failure(caught.value, verbose=True)
    said = capsys.readouterr().err
    words = "ValueError: invalid literal for int() with base 10: 'odd'\n"
    assert said.startswith("Traceback (most recent call last):\n")
    assert said.endswith(f"{words}error: {words}")


# -- the command itself ----------------------------------------------------------------------


def run(code: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return done


def test_help_lists_every_command_without_loading_what_they_need() -> None:
    done = run(
        "import sys\n"
        "sys.argv = ['fairlead', '--help']\n"
        "from fairlead.cli import main\n"
        "try:\n"
        "    main()\n"
        "finally:\n"
        "    print(sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    assert done.returncode == 0
    for name, (_, line) in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", done.stdout, re.MULTILINE), name
    loaded = done.stdout.splitlines()[-1]
    heavy = ("prefect", "docker", "rich", "psycopg", "httpx", "pydantic", "paramiko", "sqlalchemy")
    assert [name for name in heavy if f"'{name}'" in loaded] == []


def test_looking_into_the_store_loads_nothing_that_speaks_to_others() -> None:
    done = run(
        "import sys\n"
        "import fairlead.cli.looking, fairlead.cli.measuring, fairlead.cli.tables\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}))\n"
    )
    heavy = ("prefect", "docker", "httpx", "requests", "dxf", "github", "slack_sdk", "paramiko")
    later = ("alembic", "sqlalchemy", "prometheus_client")
    assert [name for name in (*heavy, *later) if f"'{name}'" in done.stdout] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_there_under_its_name_and_says_what_it_does(name: str) -> None:
    ctx = click.Context(fairlead)
    command = fairlead.get_command(ctx, name)
    assert isinstance(command, click.Command)
    assert command.name == name
    assert (command.help or "").rstrip().endswith(".")
    options: list[Any] = [option for option in command.params if option.name == "verbose"]
    assert len(options) == 1


def test_a_good_step_is_one_line_of_a_terminal_and_a_failed_one_is_whole(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    printed = io.StringIO()
    narrow = Console(file=printed, width=80, force_terminal=True, color_system=None)
    monkeypatch.setattr(screen, "console", lambda: narrow)
    shown = screen.Screen(quiet=False, verbose=False)
    for outcome in (StepOutcome.SUCCEEDED, StepOutcome.FAILED):
        shown.ended(step_of(outcome, "19 applied: " + ", ".join(["contenttypes.0001"] * 19)))
    first, *rest = printed.getvalue().splitlines()
    assert len(first) == 80
    assert first.endswith("…")
    assert "".join(rest).count("contenttypes.0001") == 19


def step_of(outcome: StepOutcome, detail: str) -> Step:
    now = datetime(2026, 1, 2, tzinfo=UTC)
    return Step(1, StepName.MIGRATE, 1, now, now, outcome, detail, None, "")
