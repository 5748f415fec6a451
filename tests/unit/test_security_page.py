"""docs/security.md stays true: behind each sentence stands a test that is there."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
REFERENCE = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
PROVEN, _, UNPROVEN = PAGE.partition("## What no test proves")


def claims() -> list[str]:
    """Each item of a list, and each row of the table."""
    items = re.findall(r"^- .+(?:\n  .+)*", PROVEN, flags=re.MULTILINE)
    rows = re.findall(r"^\| (?!where \|).+$", PROVEN, flags=re.MULTILINE)
    return [*items, *rows]


def test_there_are_claims_and_a_part_without_proof() -> None:
    assert len(claims()) > 30
    assert UNPROVEN.strip()
    assert REFERENCE.search(UNPROVEN) is None


@pytest.mark.parametrize("claim", claims(), ids=lambda claim: " ".join(claim[2:60].split()))
def test_behind_each_sentence_stands_a_test_that_is_there(claim: str) -> None:
    named = REFERENCE.findall(claim)
    assert named, "no test is named"
    assert [f"{path}::{name}" for path, name in named if name not in defined_in(ROOT / path)] == []


def defined_in(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
