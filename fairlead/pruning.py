"""Clearing up: the containers and images that no rollback within the kept releases needs, never
what is deployed, and nothing that the project has not released."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field

from fairlead.config import Config, Host
from fairlead.engine.connect import connect
from fairlead.engine.images import images_on, names_to_take, remove
from fairlead.engine.site import Site
from fairlead.errors import FairleadError, LeaseHeld
from fairlead.lease import hold
from fairlead.model import size
from fairlead.project import Project
from fairlead.recovery import kept, unsettled

LOG = logging.getLogger("fairlead")
TOLD = 90  # days that what was told stays in the outbox
Guard = Callable[[], None]  # asks, before something is changed, whether it still may be


@dataclass(frozen=True, slots=True)
class Removed:
    """One thing that was removed, or would be: a `container` or an `image` by that name. `size` is
    in bytes, those among them that the image shares with others."""

    host: str
    what: str
    name: str
    size: int = 0


@dataclass(slots=True)
class Pruned:
    """It grows as it goes. `left` says where nothing was touched because somebody is changing it,
    `problems` what failed."""

    removed: list[Removed] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @contextmanager
    def trying(self, where: str) -> Iterator[None]:
        """One thing that fails does not keep the others from being cleared up."""
        try:
            yield
        except FairleadError as error:
            self.problems.append(f"{where}: {error.message}")

    def words(self, *, dry_run: bool) -> str:
        count = f"{len(self.removed)} {'thing' if len(self.removed) == 1 else 'things'}"
        freed = size(sum(one.size for one in self.removed))
        if not self.removed:
            return "there is nothing to remove" if dry_run else "nothing was removed"
        if dry_run:
            return f"{count} would be removed, which would free up to {freed}"
        return f"{count} removed, up to {freed} freed"


def prune(project: Project, *, dry_run: bool) -> Pruned:
    """Host after host, and of the outbox what was told long ago. What cannot be cleared up is told,
    never raised."""
    pruned = Pruned()
    if not dry_run:
        project.store.outbox.forget(project.config.project, days=TOLD)
    for host, environments in _hosts(project.config):
        with pruned.trying(host.name):
            _prune_host(project, host, environments, pruned, dry_run)
    return pruned


def _hosts(config: Config) -> Iterator[tuple[Host, list[str]]]:
    """Each with the environments on it."""
    found = {host.name: host for one in config.environments.values() for host in one.hosts}
    for name, host in found.items():
        settings = config.environments.items()
        yield host, [one for one, its in settings if name in {host.name for host in its.hosts}]


def _prune_host(
    project: Project, host: Host, environments: Sequence[str], pruned: Pruned, dry_run: bool
) -> None:
    """While nobody else changes an environment there: of a release that begins, the new containers
    and images would be taken for left ones. A dry run keeps nobody waiting."""
    try:
        with _claimed(project, () if dry_run else environments) as guard:
            busy = [unsettled(project, name) for name in environments]
            if words := [
                f"Release {one.id} to {one.environment} is not over." for one in busy if one
            ]:
                pruned.left.append(f"{host.name}: nothing was touched. {' '.join(words)}")
                return
            for name in environments:
                with pruned.trying(f"{name} on {host.name}"):
                    _prune_containers(project, host, name, pruned, None if dry_run else guard)
            _prune_images(project, host, pruned, None if dry_run else guard)
    except LeaseHeld as error:
        pruned.left.append(f"{host.name}: nothing was touched. {error.message}")


@contextmanager
def _claimed(project: Project, environments: Sequence[str]) -> Iterator[Guard]:
    """Their leases held. Raises LeaseHeld."""
    name, ttl = project.config.project, project.config.lease_ttl
    with ExitStack() as stack:
        held = [
            stack.enter_context(hold(project.store, name, one, ttl=ttl)) for one in environments
        ]

        def guard() -> None:
            for lease in held:
                lease.guard()

        yield guard


def _prune_containers(
    project: Project, host: Host, environment: str, pruned: Pruned, guard: Guard | None
) -> None:
    """Those of releases that neither run nor are kept to go back to, and one-off jobs: a run that
    died left them. What gets requests stays, whatever is recorded."""
    current = project.store.releases.current(project.config.project, environment)
    if current is None:
        return  # where nothing is recorded, nobody knows what may go
    before = kept(project, current)
    needed = {current.origin, *([before.origin] if before else [])}
    with closing(project.site(project.recorded(current), environment, host)) as site:
        old = site.origins() - needed
        for origin in sorted(old - site.proxy.serving() if old else old):
            names = [found.name or "" for found in site.containers_of(origin)]
            if guard:
                guard()
                site.remove(origin, LOG.info)
            pruned.removed += _containers(site, names)
        jobs = [found.name or "" for found in site.containers("job")]
        if guard:
            guard()
            site.end_jobs()
        pruned.removed += _containers(site, jobs)


def _containers(site: Site, names: Sequence[str]) -> list[Removed]:
    return [Removed(site.host, "container", name) for name in sorted(names)]


def _prune_images(project: Project, host: Host, pruned: Pruned, guard: Guard | None) -> None:
    """Those that the project has released and no kept release of any environment has, nor a
    container but those that are removed. Raises HostUnreachable, EngineError."""
    config, gone = project.config, [one.name for one in pruned.removed if one.host == host.name]
    not_needed = project.store.ledger.not_needed(config.project, config.keep_releases)
    with closing(connect(host)) as client:
        for image in images_on(client, host.name, without=gone):
            names = names_to_take(image, not_needed)
            if not names:
                continue
            if guard:
                guard()
            with pruned.trying(host.name):  # a container may have got hold of it meanwhile
                if guard:
                    remove(client, host.name, names)
                pruned.removed.append(Removed(host.name, "image", names[0], image.size))
