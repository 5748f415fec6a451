"""The reference is what the code says now, and the code says something of everything."""

from pathlib import Path

import pytest

from scripts.reference import FOLDER, pages


@pytest.mark.parametrize("path", sorted(pages()), ids=lambda path: path.name)
def test_reference_is_what_the_code_says_now(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "once more: make reference"


def test_nothing_else_is_in_the_folder_of_what_is_made() -> None:
    assert sorted(FOLDER.iterdir()) == sorted(pages())
