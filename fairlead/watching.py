"""Looking at what runs, comparing it with what is recorded, and remembering what was found."""

from contextlib import closing
from dataclasses import dataclass

from fairlead.branches import Distance
from fairlead.config import Host
from fairlead.drift import compared, with_hidden
from fairlead.engine.at_once import at_once
from fairlead.engine.look import HostLook, look
from fairlead.engine.target import Target
from fairlead.errors import FairleadError
from fairlead.model import Drift, DriftChanges, DriftKind, Release, StepName
from fairlead.project import Project
from fairlead.recovery import kept, unsettled


@dataclass(frozen=True, slots=True)
class Look:
    """What was found in an environment; `current` is what is deployed there.

    `unjudged` says why nothing was compared: somebody is changing it. Then `drifts` is empty.
    """

    environment: str
    current: Release | None
    drifts: tuple[Drift, ...] = ()
    unjudged: str = ""


def look_at(project: Project, environment: str) -> Look:
    """Read every host of the environment at once. A host that is away is a drift, not an error.

    Raises UnknownEnvironment.
    """
    project.config.environment(environment)
    before = _changing(project, environment)
    current = project.store.releases.current(project.config.project, environment)
    if before.holder:
        return Look(environment, current, unjudged=f"it is being changed by {before.holder}")
    project.know_secrets(project.config, environment, strict=False)
    drifts = [*_unsettled(project, environment), *_otherwise(project, current)]
    if _changing(project, environment) != before:
        return Look(environment, current, unjudged="it was changed while it was looked at")
    return Look(environment, current, tuple(drifts))


@dataclass(frozen=True, slots=True)
class _Changing:
    fencing: int
    holder: str


def _changing(project: Project, environment: str) -> _Changing:
    """Who changes the environment now; the number says whether somebody has since."""
    name = project.config.project
    live = [one for one in project.store.leases.live(name) if one.environment == environment]
    lease = project.store.leases.get(name, environment)
    return _Changing(lease.fencing if lease else 0, (live[0].holder or "") if live else "")


def _unsettled(project: Project, environment: str) -> list[Drift]:
    release = unsettled(project, environment)
    if release is None:
        return []
    tries = [step for step in project.store.steps.of(release.id) if step.name is StepName.SETTLE]
    detail = (tries[-1].error or "").partition("\n")[0] if tries else ""
    words = f"release {release.id} ({release.sha[:7]}) was left half-done"
    return [Drift(DriftKind.UNSETTLED, "", "", words, detail)]


def _otherwise(project: Project, current: Release | None) -> list[Drift]:
    """Compared on every host that the recorded release has; nothing where nothing is recorded."""
    if current is None:
        return []
    target, beside = project.target_of(current), kept(project, current)
    looks = at_once(lambda host: _look(project, target, host), target.settings.hosts)
    return [drift for one in looks for drift in compared(target, beside, one)]


def _look(project: Project, target: Target, host: Host) -> HostLook:
    try:
        with closing(project.site(target.config, target.environment, host)) as site:
            return look(site, target)
    except FairleadError as error:
        return HostLook(host.name, away=project.redact(error.message))


def note(project: Project, look: Look, distance: Distance | None) -> DriftChanges:
    """Remember what was found, and how far the environment is behind; what of it is new.

    What could not be seen stays as it was: in an environment that is being changed, on a host that
    is away, and how far it is where GitHub did not answer.
    """
    name, drifts = project.config.project, project.store.drifts
    before = drifts.open(name, look.environment)
    if look.unjudged:
        return DriftChanges(look.environment, open=before)
    known = [one.drift for one in before]
    found = with_hidden(look.drifts, known)
    if distance is not None and distance.drift:
        found.append(distance.drift)
    elif distance is not None and distance.problem:
        found += [drift for drift in known if drift.kind is DriftKind.AHEAD]
    return drifts.note(name, look.environment, found)
