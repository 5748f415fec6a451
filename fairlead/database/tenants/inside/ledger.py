"""What the run has come to so far: told tenant by tenant, and what follows from it."""

from __future__ import annotations

import random
import threading
from typing import Dict, List, Optional

from .attempt import BUSY_STATE, FAILED, Outcome
from .events import tell
from .project import Tenant

SHORTEST, LONGEST = 0.1, 5.0  # seconds between two attempts at one tenant


class Ledger:
    """`behind` tenants are to be brought to the release. More than `max_failures` that fail end the
    run, as does a failing one of `canaries`. For its locks a tenant is tried `attempts` times."""

    def __init__(self, behind: int, max_failures: int, attempts: int, canaries: List[str]) -> None:
        self.behind, self.max_failures, self.attempts = behind, max_failures, attempts
        self.done: List[Tenant] = []
        self.failed: Dict[str, str] = {}
        self.stopped = ""
        self._canaries = frozenset(canaries)
        self._alone = threading.RLock()  # a canary's thread and that of its predecessors' tenants

    def going_on(self) -> bool:
        return not self.stopped

    def take(self, outcome: Outcome, attempt: int) -> Optional[float]:
        """After how many seconds the tenant is tried again; None once it is done or has failed."""
        with self._alone:
            if outcome.state == BUSY_STATE and attempt < self.attempts:
                self._tell("retried", outcome, attempt)
                return self.pause(attempt)
            if outcome.state in (BUSY_STATE, FAILED):
                self.fail(outcome, attempt)
            else:
                self.done.append(outcome.tenant)
                self._tell("done", outcome, attempt)
            return None

    @staticmethod
    def pause(attempt: int) -> float:
        """Longer each time, and never in step with other tenants."""
        longest: float = min(LONGEST, SHORTEST * 2 ** (attempt - 1))
        return longest * random.uniform(0.5, 1.0)  # noqa: S311 no secret

    def fail(self, outcome: Outcome, attempt: int) -> None:
        schema = outcome.tenant.schema
        self.failed[schema] = outcome.error
        self._tell("failed", outcome, attempt)
        if schema in self._canaries:
            self.stop(f"the canary {schema} failed")
        elif len(self.failed) > self.max_failures:
            self.stop(f"{len(self.failed)} failed, more than {self.max_failures}")

    def stop(self, why: str) -> None:
        self.stopped = self.stopped or why

    def _tell(self, state: str, outcome: Outcome, attempt: int) -> None:
        tell(
            "tenant",
            tenant=outcome.tenant.schema,
            state=state,
            seconds=round(outcome.seconds, 3),
            attempt=attempt,
            error=outcome.error,
            at=outcome.at,
            code=outcome.code,
            done=len(self.done),
            failed=len(self.failed),
            of=self.behind,
        )
