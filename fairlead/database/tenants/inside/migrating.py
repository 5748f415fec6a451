"""Brings the shared schema and then every tenant that is behind to the release."""

from __future__ import annotations

import time
from typing import List

from . import applied, graph, project, signals
from .events import tell
from .guard import BUSY, code_of
from .ledger import Ledger
from .run import Run


def migrate(
    shared: bool, tenants: bool, parallel: int, max_failures: int, lock_timeout: float,
    attempts: int, canaries: List[str],
) -> int:  # fmt: skip
    """The exit code: 0 only where all that was asked for is at the release."""
    from django.utils import translation

    translation.deactivate_all()  # as Django's migrate does: permissions are not translated
    signals.connect()
    if shared and not _shared(attempts):
        return 1
    if not tenants:
        return 0
    run = Run(parallel, max_failures, lock_timeout, attempts, canaries)
    run.tenants()
    ledger = run.ledger
    left = ledger.behind - len(ledger.done) - len(ledger.failed)
    tell("ended", done=len(ledger.done), failed=ledger.failed, left=left, stopped=ledger.stopped)
    return 1 if ledger.failed or left else 0


def _shared(attempts: int) -> bool:
    """By the stock command, whose every migration commits by itself: it can be begun again."""
    from django.core.management import call_command

    connection, public = project.connection(), project.public()
    project.enter(public)
    found = applied.read(connection, [public.schema])
    had = found.get(public.schema, applied.NOTHING)
    names = graph.seen(connection, had.migrations).names
    if not names:
        return True
    tell("shared", pending=names)
    for number in range(1, attempts + 1):
        try:
            with graph.table_known(had.has_table):
                call_command("migrate_schemas", shared=True, fake_initial=True, interactive=False)
        except Exception as error:
            if code_of(error) not in BUSY or number == attempts:
                raise
            time.sleep(Ledger.pause(number))
        else:
            return True
    return False
