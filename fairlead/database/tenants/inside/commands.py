"""The commands before the tenants': each as manage.py runs it, in this process."""

from __future__ import annotations

import time
from typing import List

from . import applied, graph, project
from .events import tell
from .guard import BUSY, code_of
from .ledger import Ledger


def begin(command: List[str]) -> None:
    tell("command", command=command)


def execute(command: List[str], manage: str, attempts: int) -> None:
    """Raises SystemExit where the command ends so."""
    from django.core.management import execute_from_command_line

    arguments = command[command.index(manage) :]
    if "migrate_schemas" in arguments:
        _migrate(arguments, attempts)
    else:
        execute_from_command_line(arguments)


def _migrate(arguments: List[str], attempts: int) -> None:
    """The shared schema, whose every migration commits by itself: where one waits for a lock in
    vain the command is run again."""
    from django.core.management import execute_from_command_line

    public = project.public()
    project.enter(public)
    found = applied.read(project.connection(), [public.schema])
    had = found.get(public.schema, applied.NOTHING)
    for number in range(1, attempts + 1):
        try:
            with graph.table_known(had.has_table):
                execute_from_command_line(arguments)
        except Exception as error:
            if code_of(error) not in BUSY or number == attempts:
                raise
            time.sleep(Ledger.pause(number))
        else:
            return
