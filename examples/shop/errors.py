from collections.abc import Sequence

LAST_LINES = 20


class ShopError(Exception):
    """A command, a build or a push failed. Fields: what (was tried), lines (its last output)."""

    def __init__(self, what: str, lines: Sequence[str]) -> None:
        self.what = what
        self.lines = tuple(lines[-LAST_LINES:])
        super().__init__("\n".join([f"{what} failed:", *self.lines]))
