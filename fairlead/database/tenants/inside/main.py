"""The program: a mode and its options as JSON, then manage.py where the project has it."""

from __future__ import annotations

import json
import sys
from typing import Sequence

from . import project
from .asking import ask
from .planning import plan
from .remembering import remember


def main(arguments: Sequence[str]) -> int:
    mode, options, manage = arguments
    given = json.loads(options)
    if mode == "ask":
        return ask(manage, **given)
    project.set_up(manage, given.get("database", ""))
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

    return migrate(manage, **given)


def run() -> None:
    sys.exit(main(sys.argv[1:]))
