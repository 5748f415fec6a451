"""The pages that people read, taken apart: links, headings, code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

from examples.stand.state import REPOSITORY

PLACES = ("*.md", "docs/**/*.md", "deployments/**/*.md", "examples/**/*.md", "benchmarks/**/*.md")


def pages() -> list[Path]:
    return sorted(path for place in PLACES for path in REPOSITORY.glob(place))


def named(path: Path) -> str:
    return path.relative_to(REPOSITORY).as_posix()


@dataclass(frozen=True)
class Block:
    """Fenced code: its language, the file that it is the content of, if any, and its text."""

    language: str
    file: str
    text: str


def blocks(path: Path) -> list[Block]:
    return [_block(token) for token in _tokens(path) if token.type == "fence"]


def _block(token: Token) -> Block:
    language, _, file = token.info.partition(" ")
    return Block(language, file, token.content.rstrip("\n"))


def shell_lines(path: Path) -> Iterator[str]:
    """Each command in a block of code, a line that goes on as one."""
    for token in _tokens(path):
        if (token.type == "fence" and token.info == "sh") or token.type == "code_block":
            yield from re.sub(r"\\\n *", "", token.content).splitlines()


def inline_code(path: Path) -> Iterator[str]:
    for token in _tokens(path):
        for child in token.children or ():
            if child.type == "code_inline":
                yield child.content


def links(path: Path) -> Iterator[str]:
    """Those to places of this repository."""
    for token in _tokens(path):
        for child in token.children or ():
            target = str(child.attrGet("href") or child.attrGet("src") or "")
            if target and "://" not in target:
                yield target


def anchors(path: Path) -> set[str]:
    """Of the headings, as GitHub makes them."""
    found: list[str] = []
    tokens = _tokens(path)
    for heading, text in pairwise(tokens):
        if heading.type == "heading_open":
            words = "".join(child.content for child in text.children or ()).lower()
            plain = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
            found.append(f"{plain}-{found.count(plain)}" if plain in found else plain)
    return set(found)


def _tokens(path: Path) -> list[Token]:
    return MarkdownIt().enable("table").parse(path.read_text(encoding="utf-8"))
