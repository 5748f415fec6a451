"""Runs the commands before the tenants', then brings every tenant that is behind to the release."""

from __future__ import annotations

from typing import List

from . import signals
from .commands import begin, execute
from .events import tell
from .run import Run


def migrate(
    manage: str, commands: List[List[str]], parallel: int, max_failures: int, lock_timeout: float,
    attempts: int, canaries: List[str],
) -> int:  # fmt: skip
    """The exit code: 0 only where all is at the release. The last of the commands is not run, but
    done in its place."""
    from django.utils import translation

    *before, last = commands
    for command in before:
        begin(command)
        execute(command, manage, attempts)
    begin(last)
    translation.deactivate_all()  # as Django's migrate does: permissions are not translated
    signals.connect()
    run = Run(parallel, max_failures, lock_timeout, attempts, canaries)
    run.tenants()
    ledger = run.ledger
    left = ledger.behind - len(ledger.done) - len(ledger.failed)
    tell("ended", done=len(ledger.done), failed=ledger.failed, left=left, stopped=ledger.stopped)
    return 1 if ledger.failed or left else 0
