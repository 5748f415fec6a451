"""What serves an environment, once its database is another one: it connects again by itself, or is
restarted, one container after the other; and is asked from outside."""

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing

from fairlead.config import Smoke
from fairlead.engine.outside import Outside, check
from fairlead.engine.site import Site
from fairlead.engine.target import Target
from fairlead.errors import HealthCheckFailed
from fairlead.project import Project

Say = Callable[[str], None]
PATIENCE = 3.0  # seconds for what serves to connect again by itself
PAUSE = 0.2


def serve(project: Project, target: Target, restart: Sequence[str], say: Say) -> str:
    """In words, what was done. Raises HealthCheckFailed, ContainerFailed, HostUnreachable."""
    with ExitStack() as stack:
        sites = stack.enter_context(project.open_sites(target.config, target.environment))
        done = [name for site in sites for name in _connected(site, target, restart, say)]
        outsides = [
            stack.enter_context(closing(project.outside(target.settings, site))) for site in sites
        ]
        rounds = _watched(target, outsides)
    again = f"{', '.join(sorted(set(done)))} restarted" if done else "nothing had to be restarted"
    return f"{again}; {rounds} rounds good"


def _connected(site: Site, target: Target, restart: Sequence[str], say: Say) -> list[str]:
    """The services that were restarted."""
    done = []
    for service in (name for level in target.levels() for name in level):
        if service in restart or not _well_by_itself(site, target, service):
            site.restart(target, service, say)
            done.append(service)
    return done


def _well_by_itself(site: Site, target: Target, service: str) -> bool:
    deadline = time.monotonic() + PATIENCE
    while not (well := site.is_well(target, service)) and time.monotonic() < deadline:
        time.sleep(PAUSE)
    return well


def _watched(target: Target, outsides: Sequence[Outside]) -> int:
    """Every smoke request at least once, for `soak` seconds; how many rounds that were."""
    end, rounds = time.monotonic() + target.settings.soak, 0
    while rounds == 0 or time.monotonic() < end:
        for outside in outsides:
            for smoke in target.config.smoke:
                _asked(outside, smoke)
        rounds += 1
        time.sleep(max(0.0, min(1.0, end - time.monotonic())))
    return rounds


def _asked(outside: Outside, smoke: Smoke) -> None:
    """Each process of a service finds out with its next request that its connection has ended."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            check(outside, smoke)
        except HealthCheckFailed:
            if time.monotonic() > deadline:
                raise
            time.sleep(PAUSE)
        else:
            return
