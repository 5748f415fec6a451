"""What is shown of something that goes on: a line for each piece that has ended."""

import sys
from contextlib import AbstractContextManager, nullcontext

from rich.status import Status
from rich.text import Text

from fairlead.cli.tables import COLOURS, console
from fairlead.model import Piece, StepOutcome, duration
from fairlead.plain import plain


class Screen:
    """A line a piece; on a terminal also what is going on now."""

    def __init__(self, *, quiet: bool, verbose: bool) -> None:
        self._console, self._quiet, self._verbose = console(), quiet, verbose
        live = sys.stdout.isatty() and not quiet
        self._status: Status | None = self._console.status("starting") if live else None
        self._last = ""

    def __enter__(self) -> "Screen":
        self._context: AbstractContextManager[object] = self._status or nullcontext()
        self._context.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self._context.__exit__(None, None, None)

    def now(self, words: str) -> None:
        if self._status is not None:
            self._status.update(Text(plain(words)))
        elif words != self._last and not words.endswith("…"):
            self.line(words, "dim")
        self._last = words

    def ended(self, piece: Piece) -> None:
        assert piece.outcome is not None
        text = Text(f"{piece.outcome:<10} ", style=COLOURS.get(piece.outcome, ""))
        text.append(f"{piece.title:<22} {duration(piece.seconds):>8}  ", style="default")
        good = piece.outcome is not StepOutcome.FAILED and not self._verbose
        self._print(text.append(plain(piece.what), style="default"), whole=not good)
        if piece.log_tail and not good:
            for line in piece.log_tail.splitlines():
                self._print(Text(f"    {plain(line)}", style="dim"))

    def line(self, words: str, style: str = "") -> None:
        for part in plain(words).splitlines():
            self._print(Text(part, style=style))

    def _print(self, text: Text, *, whole: bool = True) -> None:
        """On a terminal what is not shown `whole` is cut off at its edge; `show` has the rest."""
        if not self._quiet:
            if whole:
                self._console.print(text, soft_wrap=True)
            else:
                self._console.print(text, no_wrap=True, overflow="ellipsis")
