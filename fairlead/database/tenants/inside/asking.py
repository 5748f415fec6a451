"""Which management commands the project has, and what is pending. Changes nothing."""

from __future__ import annotations

import os
from typing import Dict, List

from . import project
from .events import tell
from .planning import plan


def ask(manage: str, wanted: List[str]) -> int:
    """Tells `abilities`: of each of the `wanted` commands that there is, its options; None where
    there is no manage.py. Then as the plan, whose exit code it returns."""
    if not os.path.exists(manage):
        tell("abilities", commands=None)
        return 0
    project.set_up(manage)
    tell("abilities", commands=_options(wanted))
    return plan()


def _options(wanted: List[str]) -> Dict[str, List[str]]:
    from django.core.management import get_commands, load_command_class

    known = get_commands()
    found = {}
    for name in wanted:
        if name in known:
            app = known[name]
            command = load_command_class(app, name) if isinstance(app, str) else app
            parser = command.create_parser("manage.py", name)
            found[name] = sorted(o for action in parser._actions for o in action.option_strings)
    return found
