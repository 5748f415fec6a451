"""What really is on a host: read, never changed."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from docker.errors import ImageNotFound
from docker.models.containers import Container

from fairlead.engine.at_once import at_once
from fairlead.engine.connect import engine_errors
from fairlead.engine.site import Site, how_it_ended
from fairlead.engine.target import LABEL, Target
from fairlead.errors import EngineError, ProxyError

TRIES = 3  # a health check that fails once and passes a second later is no news
PAUSE = 1.0  # seconds between them


@dataclass(frozen=True, slots=True)
class Found:
    """One container of the environment, or in its network.

    `origin` is the release it is of, None for one that we did not make; `digests` are those its
    image has in registries; `problem` says why it does not run or is not healthy, and is empty for
    one that is well and for one that was not asked.
    """

    name: str
    origin: int | None
    status: str
    digests: frozenset[str] = frozenset()
    problem: str = ""


@dataclass(frozen=True, slots=True)
class HostLook:
    """`serving` are the releases that get requests; `proxy` says why nobody knows, and `away` why
    nothing of the host is known; both are empty otherwise."""

    host: str
    containers: tuple[Found, ...] = ()
    serving: frozenset[int] = frozenset()
    proxy: str = ""
    away: str = ""


def look(site: Site, target: Target) -> HostLook:
    """The environment on a host of `target`. Raises HostUnreachable, EngineError."""
    serving, proxy = _serving(site)
    services = {
        name: service for service in target.config.services for name in target.names(service)
    }
    found = at_once(
        lambda one: _found(site, target, one, services.get(one.name or ""), asked=not proxy),
        _containers(site, target, services),
    )
    return HostLook(site.host, tuple(sorted(found, key=lambda one: one.name)), serving, proxy)


def _serving(site: Site) -> tuple[frozenset[int], str]:
    try:
        return frozenset(site.proxy.serving()), ""
    except (ProxyError, EngineError) as error:
        return frozenset(), str(error)


def _containers(site: Site, target: Target, wanted: Mapping[str, str]) -> list[Container]:
    """Those with our labels, those with the names that ours should have, and whatever runs in the
    environment's network; without proxy and router."""
    labels = [f"{LABEL}project={target.config.project}", f"{LABEL}environment={target.environment}"]
    queries: list[dict[str, Any]] = [
        {"all": True, "filters": {"label": labels}},
        {"all": True, "filters": {"name": [f"^/{name}$" for name in wanted]}},
        {"filters": {"network": target.prefix}},
    ]
    found: dict[str, Container] = {}
    with engine_errors(site.host, "list containers"):
        for query in queries:
            listed = site.client.containers.list(**query, ignore_removed=True)
            found |= {one.id or "": one for one in listed}
    fronts = (f"{target.prefix}-proxy", f"{target.prefix}-router")
    return [one for one in found.values() if one.name not in fronts]


def _found(
    site: Site, target: Target, container: Container, service: str | None, *, asked: bool
) -> Found:
    """`service` is what should run there, None where nothing should."""
    origin = container.labels.get(f"{LABEL}origin", "")
    return Found(
        name=container.name or "",
        origin=int(origin) if origin.isdecimal() else None,
        status=container.status,
        digests=_digests(site, container) if service else frozenset(),
        problem=_problem(site, target, container, service, asked) if service else "",
    )


def _digests(site: Site, container: Container) -> frozenset[str]:
    """Of one that was made by digest, as ours are, that one; else all that its image has."""
    made_of = str(container.attrs["Config"]["Image"])
    if "@" in made_of:
        return frozenset({made_of.rpartition("@")[2]})
    with (
        engine_errors(site.host, f"look at the image of {container.name}"),
        suppress(ImageNotFound),
    ):
        image = site.client.images.get(container.attrs["Image"])
        return frozenset(_digest_of(image.attrs))
    return frozenset()


def _digest_of(image: Mapping[str, Any]) -> Iterator[str]:
    return (str(reference).rpartition("@")[2] for reference in image["RepoDigests"] or ())


def _problem(site: Site, target: Target, container: Container, service: str, asked: bool) -> str:
    if container.status in ("exited", "dead"):
        return how_it_ended(container.attrs["State"])
    fields = target.config.services[service]
    if container.status != "running" or (fields.port is not None and not asked):
        return ""
    problem = site.problem(target, fields, container)
    for _ in range(TRIES - 1):
        if problem is None:
            break
        time.sleep(PAUSE)
        with engine_errors(site.host, f"look at {container.name}"):
            container.reload()
        problem = site.problem(target, fields, container)
    return problem or ""
