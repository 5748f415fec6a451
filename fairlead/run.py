"""One release on its way: what the steps share, and how each is recorded."""

import logging
import traceback
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

from pydantic import SecretStr

from fairlead.config import Config, Environment
from fairlead.courier import Courier
from fairlead.database.asking import Asked, ask
from fairlead.database.checks.look import Before
from fairlead.database.presets import Choice
from fairlead.database.preview.plan import Plan
from fairlead.database.written import Written
from fairlead.engine.at_once import at_once
from fairlead.engine.outside import Outside, Probe
from fairlead.engine.site import Site
from fairlead.engine.target import Target
from fairlead.errors import FairleadError, Refused, RollbackFailed
from fairlead.lease import Held
from fairlead.model import Image, PhaseName, Release, ReleaseState, StepName, StepOutcome, digests
from fairlead.plain import plain
from fairlead.project import Project
from fairlead.redact import blank

LOG = logging.getLogger("fairlead")
# Lines of a step's log that the history keeps: how it began says what was decided, how it ended
# what came of it.
HEAD, TAIL = 50, 150


@dataclass
class StepLog:
    """What one attempt at a step says: `detail` is its one line in the history."""

    name: StepName | PhaseName
    redact: Callable[[str], str]
    detail: str = ""
    skipped: bool = False
    head: list[str] = field(default_factory=list)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=TAIL))
    left_out: int = 0

    def say(self, line: str) -> None:
        line = self.redact(line)
        self.left_out += len(self.tail) == TAIL
        (self.head if len(self.head) < HEAD else self.tail).append(line)
        LOG.info("%s: %s", self.name, plain(line))  # it comes to terminals too

    @property
    def kept(self) -> str:
        between = [f"… {self.left_out} lines are left out …"] if self.left_out else []
        return "\n".join([*self.head, *between, *self.tail])

    def skip(self, why: str) -> None:
        self.skipped, self.detail = True, why


@contextmanager
def recorded(project: Project, log: StepLog, end: Callable[..., object]) -> Iterator[None]:
    """Write how it ended, by `end`, with nothing secret in it: what is may become known in it."""
    outcome, error = StepOutcome.FAILED, None
    try:
        yield
        outcome = StepOutcome.SKIPPED if log.skipped else StepOutcome.SUCCEEDED
    except BaseException as failure:
        blank(failure, project.redact)  # whoever catches it writes it down
        error = project.redact(words(failure))
        raise
    finally:
        end(outcome, detail=project.redact(log.detail), error=error, log_tail=log.kept)


class Run:
    """A release that is being made. The steps fill in what the next ones need:

    preflight the sites, verify_build the images and the target, plan_migrations what is pending,
    migrate what it applied and how the data was before. `on_step` is called when a step begins.
    """

    def __init__(
        self, project: Project, release: Release, config: Config, lease: Held, courier: Courier
    ) -> None:
        self.project = project
        self.store = project.store
        self.config = config
        self.release = release
        self.lease = lease
        self.courier = courier
        self.sites: list[Site] = []
        self.outsides: list[Outside] = []
        self.secrets: dict[str, SecretStr] = {}
        self.images: dict[str, Image] = {}
        self.target: Target | None = None
        self.previous: Target | None = None
        self.probe: Probe | None = None
        self.applied: list[str] = []
        self.plan: Plan | None = None
        self.before: Before | None = None
        self._asked: Asked | None = None
        self.well_before = False
        self.touched = False  # something outside the store may have been changed
        self.migrated = False  # the database too
        self.served = False  # the new version has had requests
        self.written_before: Written | None = None
        self.written_after: Written | None = None
        self.state: ReleaseState | None = None
        self.failure: BaseException | None = None
        self.put_back = ""
        self.on_step: Callable[[StepName], object] = lambda _: None

    @property
    def settings(self) -> Environment:
        return self.config.environment(self.release.environment)

    @property
    def redact(self) -> Callable[[str], str]:
        return self.project.redact

    @property
    def running_target(self) -> Target:
        assert self.target is not None, "verify_build comes first"
        return self.target

    @property
    def nothing_pending(self) -> bool:
        """False also where nobody knows."""
        return self.plan is not None and self.plan.anything is False

    def ask(self, say: Callable[[str], None]) -> Asked:
        """The image, once, how the database is migrated. Raises PresetUnfit, JobFailed."""
        if self._asked is None:
            self.sites[0].have_network()
            self._asked = ask(self.sites[0], self.running_target, say)
        return self._asked

    @property
    def choice(self) -> Choice:
        return self.ask(lambda _: None).choice

    def aim(self, images: dict[str, Image]) -> None:
        """From now on the release is these images, and what it goes back to is known."""
        self.images = images
        self.store.ledger.keep(self.release.id, list(images.values()))
        self.target = Target(
            config=self.config,
            environment=self.release.environment,
            sha=self.release.sha,
            origin=self.release.origin,
            images=images,
            secrets=self.secrets,
        )
        current = self.store.releases.current(self.release.project, self.release.environment)
        self.previous = self.project.target_of(current) if current else None

    def is_there(self) -> bool:
        """True when these digests with this config are recorded, and really run on every host."""
        if self.previous is None or not self.same_as(self.previous):
            return False
        previous = self.previous
        return all(site.runs(previous) for site in self.sites)

    def same_as(self, other: Target) -> bool:
        environment = self.release.environment
        same_config = other.config.digest(environment) == self.config.digest(environment)
        return same_config and digests(other.images.values()) == digests(self.images.values())

    @contextmanager
    def step(self, name: StepName) -> Iterator[StepLog]:
        """Write the intent, do it, write the outcome. Raises LeaseLost before anything is done."""
        self.lease.guard()
        attempt = self.store.steps.begin(self.release.id, name)
        self.on_step(name)
        log = StepLog(name, self.redact)
        with recorded(
            self.project, log, partial(self.store.steps.end, self.release.id, name, attempt)
        ):
            yield log

    @contextmanager
    def clearing(self, step: StepLog) -> Iterator[None]:
        """What fails in an environment that ran nothing before leaves nothing there."""
        try:
            yield
        except BaseException:
            if self.previous is None:
                at_once(lambda site: site.clear(step.say), self.sites)
            raise

    def end(self) -> None:
        """Write the outcome, unless `record` has."""
        self.store.releases.end(
            self.release.id,
            self.outcome,
            error=self.redact(words(self.failure)) if self.failure else None,
            requests=self.probe.count if self.probe else None,
        )

    @property
    def outcome(self) -> ReleaseState:
        """The state it ends in, as far as is known now."""
        if self.state is not None:
            return self.state
        if isinstance(self.failure, RollbackFailed):
            return ReleaseState.ROLLBACK_FAILED
        if not self.touched and isinstance(self.failure, FairleadError):
            refused = isinstance(self.failure, Refused) or self.failure.exit_code == 2
            return ReleaseState.REFUSED if refused else ReleaseState.FAILED
        return ReleaseState.FAILED

    def close(self) -> None:
        if self.probe is not None:
            self.probe.stop()
        for outside in self.outsides:
            outside.close()
        for site in self.sites:
            site.close()


def words(failure: BaseException) -> str:
    """What the history says of a failure: our own message, or type and text of a stranger's."""
    if isinstance(failure, FairleadError):
        return str(failure)
    if not isinstance(failure, Exception):  # Ctrl-C, SIGTERM, a cancel in Prefect
        return f"It was stopped from outside ({type(failure).__name__})."
    return "".join(traceback.format_exception_only(failure)).strip()
