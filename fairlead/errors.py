"""Every error Fairlead raises on purpose: what happened, to what, and what to do next.

Exit codes: 2 the input or the config is wrong; 3 refused, nothing was touched; 4 failed, and the
environment is as it was; 5 failed, and the environment could not be put back; 6 waits for somebody
to approve it.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

SHOWN = 10  # of many that failed alike


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


class UnknownRefresh(InputError):
    def __init__(self, refresh: int) -> None:
        super().__init__(
            f"The store knows no refresh {refresh}.",
            next_step="See which there are: fairlead refresh history ENV",
        )


class UnknownBackup(InputError):
    def __init__(self, environment: str, backup: int) -> None:
        super().__init__(
            f"{environment} has no backup {backup}.",
            next_step=f"See which there are: fairlead backups {environment}",
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


class ServedAlready(Refused):
    """The very same request came twice; `state` is how far its release is."""

    def __init__(self, release: int, state: str) -> None:
        self.release, self.state = release, state
        super().__init__(
            f"This request was served by release {release}: {state}.",
            next_step=f"Look: fairlead show {release}",
        )


class WaitsForApproval(Refused):
    """No failure: the release goes on when somebody approves it."""

    exit_code = 6

    def __init__(self, environment: str, release: int) -> None:
        self.release = release
        super().__init__(
            f"Release {release} to {environment} waits for somebody to approve it.",
            next_step=f"fairlead approve {release} --reason WHY, or: fairlead refuse {release}",
        )


class NotApproved(Refused):
    """Somebody said no, or nobody said anything in time."""

    def __init__(self, environment: str, release: int, why: str) -> None:
        super().__init__(
            f"Release {release} to {environment} was not approved: {why}.",
            next_step="Nothing was touched. Ask for it again when it may go on.",
        )


class ApprovalVoid(Refused):
    def __init__(self, environment: str, why: str) -> None:
        super().__init__(
            f"What was approved is not what would be done to {environment} now: {why}.",
            next_step="Nothing was touched. Release again, and have that approved.",
        )


class CannotDecide(Refused):
    """This person may not, or there is nothing to decide any more."""

    def __init__(self, release: int, why: str) -> None:
        super().__init__(
            f"Release {release} cannot be approved or refused: {why}.",
            next_step=f"Look: fairlead show {release}",
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


class GitHubError(Refused):
    """GitHub is away, says no, or answers something that is no answer of its API.

    With `away` asking again may help, after `wait` seconds where GitHub said so. `status` is that
    of HTTP, where GitHub refused.
    """

    def __init__(
        self,
        message: str,
        *,
        next_step: str,
        away: bool = False,
        wait: float | None = None,
        status: int | None = None,
    ) -> None:
        self.away, self.wait, self.status = away, wait, status
        super().__init__(message, next_step=next_step)


class ChecksNotPassed(Refused):
    """`problems` holds one line for each check, `failing` whether one of them has ended badly."""

    def __init__(
        self, environment: str, sha: str, repository: str, problems: Sequence[str], *, failing: bool
    ) -> None:
        self.problems, self.failing = tuple(problems), failing
        lines = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(
            f"{environment} takes {sha[:7]} of {repository} only once its checks have passed "
            f"(environments.{environment}.require_checks):\n{lines}",
            next_step="Mend it and release the new commit, or run the check again at GitHub."
            if failing
            else "Wait for it, then release again.",
        )


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


class CannotSave(Refused):
    """Seen before anything was done: this backup could not be made, or could not be taken back."""

    def __init__(self, environment: str, why: str, next_step: str) -> None:
        super().__init__(
            f"The database of {environment} cannot be saved: {why}.", next_step=next_step
        )


class MigrationsUnsafe(Refused):
    """The policy of the environment refuses what the pending migrations would do."""

    def __init__(self, environment: str, found: Sequence[tuple[str, str]]) -> None:
        lines = []
        for words, sql in found[:SHOWN]:
            lines += [f"    {words}", *([f"        {sql}"] if sql else [])]
        if len(found) > SHOWN:
            lines.append(f"    and {len(found) - SHOWN} more")
        super().__init__(
            f"The migrations are not safe for {environment}, which refuses that:\n"
            + "\n".join(lines),
            next_step="Split them (expand, release, contract), or have somebody look at it: "
            f'environments.{environment}.migrations.unsafe = "approve"',
        )


class CannotPreview(Refused):
    """Migrations could not be tried there, and the environment's policy counts on it."""

    def __init__(self, environment: str, why: str, next_step: str) -> None:
        super().__init__(
            f"The migrations of {environment} cannot be tried: {why}.", next_step=next_step
        )


class LinterMissing(Refused):
    """The installation is not whole: it comes with Fairlead."""

    def __init__(self, program: str) -> None:
        super().__init__(
            f"squawk, which reads the SQL of migrations, cannot be run: {program}.",
            next_step="Install Fairlead again, or: pip install squawk-cli",
        )


class RestoreRefused(Refused):
    def __init__(self, environment: str, backup: int, why: str, next_step: str) -> None:
        super().__init__(
            f"Backup {backup} is not restored to {environment}: {why}.", next_step=next_step
        )


class RefreshRefused(Refused):
    """Seen before anything was read."""

    def __init__(self, environment: str, why: str, next_step: str) -> None:
        super().__init__(f"{environment} is not refreshed: {why}.", next_step=next_step)


class NotReadOnly(Refused):
    def __init__(self, environment: str, address: str) -> None:
        super().__init__(
            f"The database of {environment} at {address} gives us a session that could write.",
            next_step="Nothing was read. Have the way to it keep default_transaction_read_only, "
            "or connect to the server itself: environments."
            f"{environment}.database.direct_url",
        )


class CannotMark(Refused):
    """A database that may not be marked as that of an environment."""

    def __init__(self, where: str, why: str, next_step: str) -> None:
        super().__init__(
            f"{where} was not marked: {why}.",
            next_step=next_step,
        )


class WrongDatabase(Refused):
    """Source and target of a refresh are not what they have to be."""

    def __init__(self, source: str, target: str, why: str, next_step: str) -> None:
        super().__init__(
            f"{target} is not refreshed from {source}: {why}. Nothing was touched.",
            next_step=next_step,
        )


class SelectionUnfit(Refused):
    """What is to be taken of production does not fit together; a line each in `problems`."""

    def __init__(self, environment: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        shown = [*problems[:SHOWN]]
        if len(problems) > SHOWN:
            shown.append(f"and {len(problems) - SHOWN} more")
        listed = "\n".join(f"  {problem}" for problem in shown)
        super().__init__(
            f"What is to be taken of {environment} does not fit together:\n{listed}",
            next_step="Nothing was touched. Change leave_out, tenants or carry_tenants of the "
            "environment's refresh.",
        )


class CarryUnfit(Refused):
    """What is to be carried over is not in the database; a line each in `problems`."""

    def __init__(self, environment: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(
            f"What {environment} is to keep of its own is not there:\n{listed}",
            next_step="Nothing was touched. Change carry or carry_tenants of "
            f"environments.{environment}.refresh.",
        )


class MaskingIncomplete(Refused):
    """Columns without a rule. `lines` are ready for the config; `unknown` are rules of columns
    that are not there."""

    def __init__(self, database: str, lines: Sequence[str], unknown: Sequence[str] = ()) -> None:
        self.lines, self.unknown = tuple(lines), tuple(unknown)
        count = "1 column" if len(lines) == 1 else f"{len(lines)} columns"
        stale = [f"There is no column for the rule {name}." for name in unknown]
        super().__init__(
            "\n".join(
                [
                    f"{database} has {count} without a rule: nothing of it leaves.",
                    "[masking.rules]",
                    *lines,
                    *stale,
                ]
            ),
            next_step="Look at each proposal, and put them into fairlead.toml.",
        )


class MaskingUnfit(Refused):
    """Rules that their columns cannot have, a line each in `problems`."""

    def __init__(self, database: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(
            f"Rules do not fit {database}:\n{listed}",
            next_step="Nothing was touched. Change them in [masking.rules] of fairlead.toml.",
        )


class StoreUnreachable(Refused):
    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"The store at {address} does not answer: {why}.",
            next_step="Start it, or set FAIRLEAD_STORE_URL. Without it nothing is released.",
        )


class StoreEncoded(Refused):
    def __init__(self, address: str, encoding: str) -> None:
        super().__init__(
            f"The store at {address} is encoded as {encoding}, and has to be UTF8.",
            next_step="Make a new database: createdb --encoding UTF8 --template template0 NAME",
        )


class StoreBehind(Refused):
    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"The schema of the store at {address} is not that of this Fairlead: {why}.",
            next_step="Run this version once as the database's owner: FAIRLEAD_STORE_URL=… "
            "fairlead status; and then deployments/postgres/roles.sql again.",
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
        self.why = why
        super().__init__(
            f"`{' '.join(command)}` {why}.",
            tail,
            next_step="No container was changed. If this command should not run, name those "
            'that should: [migrations] preset = "command", commands = [[…]]',
        )


class TenantsFailed(StepFailed):
    """Tenants could not be migrated: `failed` says why by tenant, `left` how many were not begun,
    `stopped` why. Each is as it was before; those that were done are at the release."""

    def __init__(self, failed: Mapping[str, str], left: int, stopped: str) -> None:
        self.failed, self.left, self.stopped = dict(failed), left, stopped
        lines = [f"    {tenant}: {why}" for tenant, why in list(failed.items())[:SHOWN]]
        more = [f"    … and {len(failed) - SHOWN} more"] if len(failed) > SHOWN else []
        rest = f" {left} were not begun: {stopped}." if left else ""
        count = f"{len(failed)} {'tenant' if len(failed) == 1 else 'tenants'}"
        super().__init__(
            "\n".join([f"{count} could not be migrated.{rest}", *lines, *more]),
            next_step="Each of them is as it was, and no container was changed. Mend what is said "
            "of it and release again: only what is left will be done.",
        )


class PresetUnfit(StepFailed):
    """The config names a preset for an image that it cannot be used on."""

    def __init__(self, preset: str, why: str) -> None:
        super().__init__(
            f"The preset {preset} cannot migrate: {why}.",
            next_step='Name the right image ([migrations] service, manage), or preset = "auto".',
        )


class DataCheckFailed(StepFailed):
    """What is not whole once the database is migrated, a line each in `problems`; `way_back` says
    what becomes of it, or how its content of before can be had."""

    SHOWN = 20

    def __init__(self, environment: str, problems: Sequence[str], way_back: str) -> None:
        self.problems = tuple(problems)
        more = len(problems) - self.SHOWN
        lines = [*problems[: self.SHOWN], *([f"and {more} more"] if more > 0 else [])]
        listed = "\n".join(f"  {line}" for line in lines)
        super().__init__(
            f"The data of {environment} does not pass once it is migrated:\n{listed}",
            next_step="No container was changed: what ran before serves. "
            f"Mend the data or the migration, and release again. {way_back}".rstrip(),
        )


class CannotReverse(StepFailed):
    """Migrations cannot be taken back, a line each in `reasons`; nothing was touched."""

    def __init__(self, environment: str, reasons: Sequence[str]) -> None:
        self.reasons = tuple(reasons)
        listed = "\n".join(f"  {reason}" for reason in reasons)
        super().__init__(
            f"The database of {environment} cannot be brought back by its migrations:\n{listed}",
            next_step="It keeps what was migrated, and nothing was touched.",
        )


class ReverseFailed(FailedWithLog):
    """Taking migrations back began and did not come to its end."""

    def __init__(self, environment: str, why: str, tail: Sequence[str]) -> None:
        super().__init__(
            f"Bringing the database of {environment} back to its migrations failed: {why}.",
            tail,
            next_step="Every schema is whole, at the migration that it has come to.",
        )


class BackupFailed(FailedWithLog):
    """Saving the database began and did not come to its end; what was half-made is removed."""

    def __init__(self, environment: str, why: str, tail: Sequence[str]) -> None:
        super().__init__(
            f"Saving the database of {environment} failed: {why}.",
            tail,
            next_step=f"Nothing was changed. Mend it, then try: fairlead backup {environment}",
        )


class BackupBroken(StepFailed):
    """What was saved is not what it has to be: it counts for nothing."""

    def __init__(self, place: str, why: str) -> None:
        super().__init__(
            f"The backup at {place} is no good: {why}.",
            next_step="It counts for nothing, and nothing was changed.",
        )


class RestoreFailed(FailedWithLog):
    def __init__(self, environment: str, backup: int, why: str, tail: Sequence[str]) -> None:
        super().__init__(
            f"Restoring backup {backup} to {environment} failed: {why}.",
            tail,
            next_step=f"{environment} has the database that it had; mend it and try again.",
        )


class RefreshFailed(StepFailed):
    """The new database is not there, or is not what it has to be; nobody was given it. `tail` are
    the last lines of what failed, where it wrote any."""

    def __init__(self, environment: str, why: str, tail: Sequence[str] = ()) -> None:
        self.tail = tuple(tail)
        self._summary = f"Refreshing {environment} failed: {why}."
        super().__init__(
            "\n".join([self._summary, *(f"    {line}" for line in tail)]),
            next_step=f"{environment} has the data that it had. "
            f"Mend it, then: fairlead refresh {environment}",
        )

    @property
    def summary(self) -> str:
        return self._summary


class MaskingFailed(StepFailed):
    """What PostgreSQL said of it is left out: it quotes values."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(
            f"Masking {what} failed: {why}.",
            next_step="The copy is of no use. Mend the rule in [masking.rules], and begin again.",
        )


class MaskingNotProven(StepFailed):
    """Values of production are still there, a line each in `problems`; no value is in them."""

    def __init__(self, database: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        listed = "\n".join(f"  {problem}" for problem in problems)
        super().__init__(
            f"{database} is not masked as its rules say:\n{listed}",
            next_step="Nobody may have it. Mend the rules in [masking.rules], and begin again.",
        )


class CarryFailed(StepFailed):
    """Rows of an environment's own could not be brought into its new database. What PostgreSQL
    said of it is left out: it quotes values."""

    def __init__(self, environment: str, what: str, why: str, next_step: str) -> None:
        super().__init__(
            f"What {environment} has of its own in {what} cannot be carried over: {why}.",
            next_step=next_step,
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


class RefreshNotPutBack(FairleadError):
    """Both errors: why the environment is not well with the new data, and why it has not the old
    one again."""

    exit_code = 5

    def __init__(
        self, environment: str, kept: str, failure: BaseException, second: BaseException
    ) -> None:
        super().__init__(
            f"{environment} has the new data, and is NOT well with it.\n"
            f"Refreshing it failed: {_summary(failure)}\n"
            f"Giving it the old data again failed: {_summary(second)}",
            next_step=f"The old data is in {kept}. Mend the second error, then: "
            f"fairlead refresh undo {environment}",
        )


class RunsLeft(FairleadError):
    """A worker was told to end, and these runs did not, also after they were cancelled."""

    exit_code = 5

    def __init__(self, runs: Sequence[str]) -> None:
        super().__init__(
            f"The worker has ended before {', '.join(runs)}.",
            next_step="What they left is settled by the next release, or by: fairlead settle ENV",
        )


def _both(environment: str, failure: object, rollback: object) -> str:
    return (
        f"{environment} was NOT put back.\n"
        f"The release failed: {failure}\n"
        f"Putting it back failed: {rollback}"
    )


def _summary(error: BaseException) -> str:
    return error.summary if isinstance(error, FairleadError) else str(error)


def causes(exc: BaseException | None) -> Iterator[BaseException]:
    """`exc` and what led to it, the nearest first."""
    seen: set[int] = set()
    while exc is not None and id(exc) not in seen:
        seen.add(id(exc))
        yield exc
        exc = exc.__cause__ or exc.__context__
