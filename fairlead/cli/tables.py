"""Tables and lines, with Rich on a terminal and plain otherwise."""

import sys
from collections.abc import Iterable, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from fairlead.cli.failing import plain

COLOURS = {
    "succeeded": "green",
    "unchanged": "green",
    "running": "cyan",
    "refused": "yellow",
    "skipped": "dim",
    "failed": "red",
    "rolled_back": "yellow",
    "rollback_failed": "bold red",
}


def console() -> Console:
    """As wide as the terminal, or wide enough for a log."""
    return Console(width=None if sys.stdout.isatty() else 160, highlight=False, soft_wrap=False)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """The texts are shown as they are: no markup, no escape sequence."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*(Text(plain(cell), style=COLOURS.get(cell, "")) for cell in row))
    console().print(table)


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
            console().print(Text(f"{'':<{width}}  {more}"), soft_wrap=True)
