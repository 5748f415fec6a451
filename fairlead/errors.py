"""Every error Fairlead raises on purpose: what happened, to what, and what to do next.

Exit codes: 2 the input or the config is wrong; 3 refused, nothing was touched; 4 failed, and the
environment is as it was; 5 failed, and the environment could not be put back.
"""

from collections.abc import Sequence
from datetime import datetime


class FairleadError(Exception):
    """Base of all. `str()` is the whole message; `next_step` is its last line, `summary` the
    message without the last lines of a log."""

    exit_code = 4

    def __init__(self, message: str, *, next_step: str = "") -> None:
        super().__init__(f"{message}\n{next_step}" if next_step else message)
        self.message = message
        self.next_step = next_step

    @property
    def summary(self) -> str:
        return self.message


# -- 2: the input or the config is wrong -----------------------------------------------------


class InputError(FairleadError):
    """What was asked for cannot be meant."""

    exit_code = 2


class BadSha(InputError):
    def __init__(self, sha: str) -> None:
        super().__init__(
            f'"{sha}" is not a commit SHA: it has to be 40 lower-case hex digits.',
            next_step="Take the full one: git rev-parse HEAD",
        )


class UnknownEnvironment(InputError):
    def __init__(self, environment: str, known: Sequence[str]) -> None:
        super().__init__(
            f'There is no environment "{environment}" in the config.',
            next_step=f"It has: {', '.join(known)}",
        )


class UnknownService(InputError):
    def __init__(self, service: str, known: Sequence[str]) -> None:
        super().__init__(
            f'There is no service "{service}" in the config.',
            next_step=f"It has: {', '.join(known)}",
        )


class UnknownRelease(InputError):
    def __init__(self, what: str) -> None:
        super().__init__(
            f"The store knows no release {what}.",
            next_step="See which there are: fairlead history",
        )


class ConfigError(InputError):
    """`problems` holds one line each, `path.to.key: what is wrong`."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = "1 error" if len(problems) == 1 else f"{len(problems)} errors"
        super().__init__(
            "\n".join([f"{source}: {count}", *(f"  {problem}" for problem in problems)]),
            next_step="Mend the file and try: fairlead check",
        )


class ConfigMissing(InputError):
    def __init__(self, source: str) -> None:
        super().__init__(
            f"There is no config at {source}.",
            next_step="Name yours (--config FILE, or FAIRLEAD_CONFIG), or write one: fairlead init",
        )


class SecretMissing(InputError):
    def __init__(self, reference: str, why: str) -> None:
        self.reference = reference
        super().__init__(
            f"The secret {reference} is not there: {why}.",
            next_step="Set it where Fairlead runs, then try: fairlead check",
        )


class DispatchNotConfigured(InputError):
    """The receiver was started where it has nothing to do, or nobody to start flows."""

    def __init__(self, what: str, next_step: str) -> None:
        super().__init__(f"GitHub can start nothing here: {what}.", next_step=next_step)


# -- 3: refused, nothing was touched ---------------------------------------------------------


class Refused(FairleadError):
    """A rule says no, or something the release needs is away; nothing was touched."""

    exit_code = 3


class LeaseHeld(Refused):
    def __init__(self, environment: str, holder: str, since: datetime, release: int | None) -> None:
        self.holder, self.since, self.release = holder, since, release
        what = f"release {release}" if release else "another run"
        super().__init__(
            f"{environment} is being changed by {what}: {holder}, "
            f"since {since:%Y-%m-%d %H:%M:%S %Z}.",
            next_step=f"Wait for it (--wait), or look: fairlead history {environment}",
        )


class LeaseLost(FairleadError):
    """The lease ended while we held it; whoever took it settles what we left."""

    def __init__(self, environment: str, fencing: int) -> None:
        super().__init__(
            f"The lease of {environment} (number {fencing}) was lost: its heartbeat came too late, "
            "or somebody unlocked it.",
            next_step=f"See who holds it now: fairlead status, then: fairlead settle {environment}",
        )


class TagMissing(Refused):
    def __init__(self, repository: str, tag: str) -> None:
        super().__init__(
            f"{repository} has no tag {tag}.",
            next_step="Did the build push it? See what there is: fairlead tags SERVICE",
        )


class TagMoved(Refused):
    def __init__(self, repository: str, tag: str, recorded: str, found: str) -> None:
        super().__init__(
            f"tag moved: {repository}:{tag} is {found}, but it was {recorded} when first released.",
            next_step="A release tag never moves: build a new commit, or push the old digest.",
        )


class RevisionMismatch(Refused):
    def __init__(self, image: str, revision: str, sha: str) -> None:
        super().__init__(
            f"{image} was built from {revision}, not from {sha} "
            "(its label org.opencontainers.image.revision says so).",
            next_step="Build the image of this commit, or release the commit it was built from.",
        )


class RegistryError(Refused):
    """The registry is away, says no, or answers something that is no registry's answer."""


class HostUnreachable(Refused):
    def __init__(self, host: str, why: str) -> None:
        self.host = host
        super().__init__(
            f"The Docker engine of {host} does not answer: {why}.",
            next_step="Start it, or mend the way to it, then try: fairlead check",
        )


class DatabaseUnreachable(Refused):
    def __init__(self, environment: str, address: str, why: str) -> None:
        super().__init__(
            f"The database of {environment} at {address} does not let us in: {why}.",
            next_step=f"Mend the way to it or its password, then try: fairlead check {environment}",
        )


class StoreUnreachable(Refused):
    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"The store at {address} does not answer: {why}.",
            next_step="Start it, or set FAIRLEAD_STORE_URL. Without it nothing is released.",
        )


class PrefectUnreachable(Refused):
    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"The Prefect API at {address} does not answer as it should: {why}.",
            next_step="Start it, or run the release in this process: fairlead release --in-process",
        )


class RunRefused(Refused):
    """Prefect answers, and does not want the run: asking again does not help."""

    def __init__(self, deployment: str, why: str) -> None:
        super().__init__(
            f"Prefect does not take a run of {deployment}: {why}.",
            next_step="Deploy the flows of this version: prefect deploy --all",
        )


class PortTaken(Refused):
    def __init__(self, host: str, port: int, why: str) -> None:
        super().__init__(
            f"Nothing can listen at {host}:{port}: {why}.",
            next_step="Stop what listens there, or choose another: --port",
        )


class NothingToGoBackTo(Refused):
    def __init__(self, environment: str, what: str) -> None:
        super().__init__(
            f"{environment} cannot go back: {what}.",
            next_step=f"See what ran there: fairlead history {environment}",
        )


class PromotionRefused(Refused):
    def __init__(self, source: str, target: str, why: str) -> None:
        super().__init__(
            f"{source} is not promoted to {target}: {why}.",
            next_step="See what runs where: fairlead status",
        )


class Frozen(Refused):
    """The environment is in a freeze window; `until` has its time zone."""

    def __init__(self, environment: str, until: datetime) -> None:
        super().__init__(
            f"{environment} is frozen until {until:%a %Y-%m-%d %H:%M %Z} "
            f"(environments.{environment}.freeze).",
            next_step="Wait, or release it anyway, which is recorded: --override",
        )


class NotSettled(Refused):
    """An earlier release was left unfinished and could not be settled."""

    def __init__(self, environment: str, release: int, why: str) -> None:
        super().__init__(
            f"Release {release} of {environment} was left unfinished and could not be settled: "
            f"{why}",
            next_step=f"Mend that, then: fairlead settle {environment}",
        )


# -- 4: a step failed ------------------------------------------------------------------------


class StepFailed(FairleadError):
    """A step failed; what was changed is put back."""


class FailedWithLog(StepFailed):
    """What failed wrote something: `tail` holds its last lines."""

    def __init__(self, summary: str, tail: Sequence[str], *, next_step: str = "") -> None:
        self.tail = tuple(tail)
        self._summary = summary
        lines = "\n".join(f"    {line}" for line in tail) or "    (it printed nothing)"
        super().__init__(f"{summary} Its last lines:\n{lines}", next_step=next_step)

    @property
    def summary(self) -> str:
        return self._summary


class PartEnded(FailedWithLog):
    """One of the programs of `fairlead up` ended by itself."""

    def __init__(self, name: str, code: int, tail: Sequence[str]) -> None:
        super().__init__(
            f"{name} ended by itself with exit code {code}: the others are stopped.",
            tail,
            next_step="Mend what its last lines say, then again: fairlead up",
        )


class JobFailed(FailedWithLog):
    """A command of a one-off container ended with another code than 0, or did not end in time."""

    def __init__(self, command: Sequence[str], why: str, tail: Sequence[str]) -> None:
        super().__init__(
            f"`{' '.join(command)}` {why}.",
            tail,
            next_step="No container was changed. If this command should not run, write your own "
            'list: [migrations] preset = "command", commands = [[…]]',
        )


class PresetUnfit(StepFailed):
    """The config names a preset for an image that it cannot be used on."""

    def __init__(self, preset: str, why: str) -> None:
        super().__init__(
            f"The preset {preset} cannot migrate: {why}.",
            next_step='Name the right image ([migrations] service, manage), or preset = "auto".',
        )


class ContainerFailed(FailedWithLog):
    """A service's container exited or never became healthy."""

    def __init__(self, service: str, host: str, why: str, tail: Sequence[str]) -> None:
        super().__init__(f"{service} on {host} {why}.", tail)


class ImageNotPulled(StepFailed):
    def __init__(self, image: str, host: str, why: str) -> None:
        # The engine gives this error no code of its own, only the system's words for ENOSPC.
        self.disk_full = "no space left" in why
        super().__init__(
            f"{host} could not pull {image}: {why}.",
            next_step="Free some disk there (docker system df), then release again."
            if self.disk_full
            else "Is the registry reachable from that host, and logged in?",
        )


class EngineError(StepFailed):
    """A Docker engine refused something in the middle of a release."""

    def __init__(self, host: str, what: str, why: str) -> None:
        super().__init__(f"{host} could not {what}: {why}.")


class ProxyError(StepFailed):
    """The proxy of an environment, or its router, refused a change or did not answer."""

    def __init__(self, role: str, host: str, what: str, why: str) -> None:
        super().__init__(f"The {role} on {host} could not {what}: {why}.")


class HealthCheckFailed(StepFailed):
    """The environment, asked from outside, answers wrongly."""

    def __init__(self, url: str, why: str) -> None:
        super().__init__(f"{url} {why}.")


# -- 5: failed, and not put back -------------------------------------------------------------


class RollbackFailed(FairleadError):
    """Both errors: why the release failed, and why it could not be put back."""

    exit_code = 5

    def __init__(self, environment: str, failure: BaseException, rollback: BaseException) -> None:
        self._summary = _both(environment, _summary(failure), _summary(rollback))
        super().__init__(
            _both(environment, failure, rollback),
            next_step=f"Mend the second error, then: fairlead settle {environment}",
        )

    @property
    def summary(self) -> str:
        """Three lines: the first error's log would push the second one out of sight."""
        return self._summary


def _both(environment: str, failure: object, rollback: object) -> str:
    return (
        f"{environment} was NOT put back.\n"
        f"The release failed: {failure}\n"
        f"Putting it back failed: {rollback}"
    )


def _summary(error: BaseException) -> str:
    return error.summary if isinstance(error, FairleadError) else str(error)
