"""The program: a mode and its options as JSON, then manage.py where the project has it."""

from __future__ import annotations

import gc
import json
import sys
from typing import Sequence

from . import project
from .planning import plan
from .remembering import remember


def main(arguments: Sequence[str]) -> int:
    mode, options, manage = arguments
    given = json.loads(options)
    _set_up(manage, given.get("database", ""))
    if mode == "plan":
        return plan()
    if mode == "remember":
        return remember()
    if mode == "reverse":
        from .reversing import reverse

        return reverse(**given)
    if mode == "preview":
        from .previewing import preview

        return preview(**given)
    from .migrating import migrate

    return migrate(**given)


def _set_up(manage: str, database: str) -> None:
    """What a project is made of stays to the end: looking for garbage in it, at the start and once
    more at the end, takes a third of a run that has nothing to do."""
    gc.disable()
    project.set_up(manage, database)
    gc.freeze()
    gc.enable()


def run() -> None:
    sys.exit(main(sys.argv[1:]))
