"""Tables and lines, with Rich on a terminal and plain otherwise."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from textwrap import wrap

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from fairlead.plain import plain

COLOURS = {
    "succeeded": "green",
    "unchanged": "green",
    "running": "cyan",
    "waiting": "magenta",
    "refused": "yellow",
    "skipped": "dim",
    "failed": "red",
    "rolled_back": "yellow",
    "rollback_failed": "bold red",
    "refreshed": "green",
    "undone": "yellow",
    "not_put_back": "bold red",
}
GAP = "  "
FOLDED = 20  # what a folded column has at least


def console() -> Console:
    """As wide as the terminal; elsewhere nothing is wrapped or cut."""
    return Console(width=None if sys.stdout.isatty() else 10_000, highlight=False)


def print_table(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    empty: str = "",
    spare: Sequence[str] = (),
) -> None:
    """A line a row, as it is: no markup, no escape sequence; without rows, `empty` instead.

    A column in which nothing stands is left out. On a narrow terminal those of `spare` go too,
    one after the other, and the last one is folded.
    """
    whole = [[plain(cell).replace("\n", " ") for cell in row] for row in rows]
    if not whole:
        print_line(empty)
        return
    table = {
        name: cells
        for name, cells in zip(columns, zip(*whole, strict=True), strict=True)
        if any(cells)
    }
    room = console().width
    for name in spare:
        if _least(table) > room:
            table.pop(name, None)
    _print_rows(table, room)


def _least(table: Mapping[str, Sequence[str]]) -> int:
    """How wide it is with its last column folded."""
    *before, last = _widths(table)
    return sum(before) + len(GAP) * len(before) + min(last, FOLDED)


def _widths(table: Mapping[str, Sequence[str]]) -> list[int]:
    return [max(cell_len(cell) for cell in (name, *cells)) for name, cells in table.items()]


def _print_rows(table: Mapping[str, Sequence[str]], room: int) -> None:
    *before, _ = _widths(table)
    indent = sum(before) + len(GAP) * len(before)
    _print_row(tuple(table), before, "bold")
    for row in zip(*table.values(), strict=True):
        first, *rest = wrap(row[-1], max(FOLDED, room - indent), break_long_words=False) or [""]
        _print_row((*row[:-1], first), before)
        for more in rest:
            print_line(f"{'':<{indent}}{more}")


def _print_row(cells: Sequence[str], before: Sequence[int], style: str = "") -> None:
    line = Text()
    for cell, width in zip(cells[:-1], before, strict=True):
        line.append(cell, style=COLOURS.get(cell, style))
        line.append(" " * (width - cell_len(cell)) + GAP)
    line.append(cells[-1], style=COLOURS.get(cells[-1], style))
    line.rstrip()
    console().print(line, soft_wrap=True)


def print_line(line: str, style: str = "") -> None:
    console().print(Text(plain(line), style=style), soft_wrap=True)


def print_lines(pairs: Iterable[tuple[str, str]]) -> None:
    """`name  value`, those without a value left out."""
    shown = [(name, value) for name, value in pairs if value]
    width = max((len(name) for name, _ in shown), default=0)
    for name, value in shown:
        first, *rest = plain(value).splitlines() or [""]
        style = COLOURS.get(first, "")
        line = Text(f"{name:<{width}}  ", style="dim").append(Text(first, style=style))
        console().print(line, soft_wrap=True)
        for more in rest:
            print_line(f"{'':<{width}}  {more}")
