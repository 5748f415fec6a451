"""The pages stay true: links lead somewhere, commands and options exist, configs are valid."""

import itertools
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest

from examples.stand.state import REPOSITORY
from fairlead.cli import fairlead
from fairlead.config import parse
from fairlead.model import PhaseName, ReleaseState, StepName
from tests.bench.bench import merged
from tests.bench.pages import anchors, blocks, inline_code, links, named, pages, shell_lines

DOCS, README = REPOSITORY / "docs", REPOSITORY / "README.md"
LARGEST = 200_000  # bytes of a picture
EACH = pytest.mark.parametrize("path", pages(), ids=named)


# -- links -------------------------------------------------------------------------------------


@EACH
def test_links_lead_somewhere(path: Path) -> None:
    assert [link for link in links(path) if not leads_somewhere(path, link)] == []


def leads_somewhere(path: Path, link: str) -> bool:
    place, _, anchor = link.partition("#")
    target = (path.parent / place).resolve() if place else path
    return target.exists() and (not anchor or anchor in anchors(target))


def test_every_page_of_the_docs_is_in_their_index() -> None:
    listed = {(DOCS / link).resolve() for link in links(DOCS / "README.md")}
    ours = {path for path in DOCS.rglob("*.md") if path.parent.name != "decisions"}
    assert ours - listed == {DOCS / "README.md"}


def test_front_page_is_one_screen_with_a_picture_that_loads_at_once() -> None:
    assert len(README.read_text(encoding="utf-8").splitlines()) <= 60
    (picture,) = [link for link in links(README) if link.endswith(".png")]
    assert (REPOSITORY / picture).stat().st_size < LARGEST


# -- commands ----------------------------------------------------------------------------------


def commands(path: Path) -> Iterator[tuple[list[str], bool]]:
    """The arguments of each `fairlead …`, and whether it is a whole command."""
    for line in shell_lines(path):
        for words in simple_commands(line):
            if words[:1] == ["fairlead"]:
                yield words[1:], True
    for code in inline_code(path):
        if code.startswith("fairlead ") and "…" not in code:
            yield next(simple_commands(code))[1:], False


def simple_commands(line: str) -> Iterator[list[str]]:
    """Of a line of shell, those between `;`, `&&` and `|`, without what they are redirected to."""
    lexer = shlex.shlex(line.replace("<sha>", "SHA"), posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    groups = itertools.groupby(lexer, key=lambda word: set(word) <= set("();<>|&"))
    return (list(words) for is_punctuation, words in groups if not is_punctuation)


@EACH
def test_commands_and_their_options_exist(path: Path) -> None:
    assert [problem for words, whole in commands(path) if (problem := wrong(words, whole))] == []


def wrong(words: list[str], whole: bool) -> str:
    """What click says of it, which is run no further than its arguments are read."""
    context = click.Context(fairlead, info_name="fairlead", obj={"verbose": False, "config": None})
    command: click.Command = fairlead
    left = [word for word in words if word not in ("--help", "--version")]
    try:
        while isinstance(command, click.Group):
            left = command.make_parser(context).parse_args(left)[1]
            if not left:
                return ""
            _, found, left = command.resolve_command(context, left)
            assert found is not None
            command, context = found, click.Context(found, parent=context, info_name=found.name)
        if whole and left == words[1:]:
            command.make_context(command.name, left, parent=context.parent)
        else:
            command.make_parser(context).parse_args(left)
    except click.ClickException as error:
        return f"fairlead {' '.join(words)}: {error.format_message()}"
    return ""


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("releases dev", "No such command"),
        ("release dev abc --fore", "No such option"),
        ("release dev", "Missing argument 'SHA'"),
        ("show twelve", "is not a valid integer"),
        ("dispatch server", "No such command"),
        ("history dev prod", "unexpected extra argument"),
    ],
)
def test_a_command_that_is_none_would_be_found(command: str, problem: str) -> None:
    assert problem in wrong(command.split(), True)


@EACH
def test_targets_of_make_exist(path: Path) -> None:
    makefile = (REPOSITORY / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, flags=re.MULTILINE))
    code = [*shell_lines(path), *inline_code(path)]
    assert {found[1] for line in code if (found := re.match(r"make ([a-z-]+)", line))} <= targets


# -- configs -----------------------------------------------------------------------------------

WHOLE: dict[str, Any] = {
    "project": "shop",
    "github": {"repository": "owner/shop", "token": "env:GITHUB_TOKEN"},
    "masking": {"key": "env:MASKING_KEY"},
    "registry": {"host": "registry.example.com"},
    "services": {
        name: {"image": f"shop/{name}", "port": 8000, "routes": [{"path": path}]}
        for name, path in (("backend", "/api"), ("frontend", "/"))
    },
    "environments": {
        name: {
            "hosts": [f"ssh://deploy@{name}.example.com"],
            "domain": f"{name}.example.com",
            "database": {"url": f"env:{name.upper()}_DATABASE_URL"},
            "secrets": {"SECRET_KEY": f"env:{name.upper()}_SECRET_KEY"},
        }
        for name in ("dev", "uat", "prod")
    },
}


@EACH
def test_configs_are_valid(path: Path) -> None:
    """One with a project stands for itself, a part of one is put into a whole one."""
    for block in blocks(path):
        if block.language == "toml":
            given = tomllib.loads(block.text)
            parse(given if "project" in given else merged(WHOLE, given), source=named(path))


def test_config_of_the_readme_is_whole() -> None:
    (block,) = blocks(README)
    assert parse(tomllib.loads(block.text), source="README.md").environment("dev")


# -- what guides list --------------------------------------------------------------------------

AFTERWARDS = {StepName.ROLL_BACK, StepName.ROLL_BACK_DATABASE, StepName.SETTLE}


def first_cells(guide: str) -> list[str]:
    """Of each row of its tables, the names in the first cell."""
    text = (DOCS / "guides" / guide).read_text(encoding="utf-8")
    first = re.findall(r"^\| ([\w`, ]+) \|", text, re.MULTILINE)
    return [cell.strip("` ") for row in first for cell in row.split(",")]


def test_guide_of_releases_has_every_step_in_its_order_and_every_end() -> None:
    cells = first_cells("releases.md")
    steps = [step.value for step in StepName if step not in AFTERWARDS]
    assert [cell for cell in cells if cell in steps] == steps
    assert {state.value for state in ReleaseState} - set(cells) == {ReleaseState.RUNNING.value}


def test_guide_of_refreshes_has_every_phase_in_its_order() -> None:
    phases = [phase.value for phase in PhaseName if phase is not PhaseName.PUT_BACK]
    assert [cell for cell in first_cells("refresh.md") if cell in phases] == phases
