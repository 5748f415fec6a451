"""docs/reference, made from the code: what fairlead.toml may hold, and the commands."""

from pathlib import Path

from scripts.reference.commands import commands
from scripts.reference.config import config

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"


def pages() -> dict[Path, str]:
    """Each file with what it has to hold."""
    return {FOLDER / "config.md": config(), FOLDER / "commands.md": commands()}
