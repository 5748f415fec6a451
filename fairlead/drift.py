"""What runs against what is recorded: pure.

An environment that is being changed is nobody's to judge; who calls this knows that it is not.
"""

from collections.abc import Iterator, Sequence
from typing import assert_never

from fairlead.engine.look import Found, HostLook
from fairlead.engine.target import Target
from fairlead.model import Drift, DriftKind, Kept


def compared(target: Target, kept: Kept | None, look: HostLook) -> list[Drift]:
    """What is otherwise on that host than `target` says, with the containers that are `kept` beside
    it; one drift a container, the worst."""
    if look.away:
        words = "the host cannot be looked at"
        return [Drift(DriftKind.HOST_AWAY, look.host, "", words, look.away)]
    return [*_wrong(target, look), *_others(target, kept, look), *_front(target, look)]


def _wrong(target: Target, look: HostLook) -> Iterator[Drift]:
    by_name = {found.name: found for found in look.containers}
    for service in target.config.services:
        for name in target.names(service):
            found = by_name.get(name)
            drift = _of_one(target.images[service].digest, look.host, name, found)
            if drift is not None:
                yield drift


def _of_one(digest: str, host: str, name: str, found: Found | None) -> Drift | None:
    if found is None:
        return Drift(DriftKind.GONE, host, name, f"{name} is gone")
    if found.status == "restarting":
        detail = "it ends and is started again, over and over"
        return Drift(DriftKind.UNHEALTHY, host, name, f"{name} is not healthy", detail)
    if found.status != "running":
        detail = found.problem or f"it is {found.status}"
        return Drift(DriftKind.STOPPED, host, name, f"{name} does not run", detail)
    if digest not in found.digests:
        other = ", ".join(sorted(one[:19] for one in found.digests)) or "one of no registry"
        words = f"{name} runs another image: {other}"
        return Drift(DriftKind.OTHER_DIGEST, host, name, words, f"recorded is {digest[:19]}")
    if found.problem:
        words = f"{name} is not healthy"
        return Drift(DriftKind.UNHEALTHY, host, name, words, found.problem)
    return None


def _others(target: Target, kept: Kept | None, look: HostLook) -> Iterator[Drift]:
    wanted = {name for service in target.config.services for name in target.names(service)}
    for found in look.containers:
        if found.name in wanted:
            continue
        if found.origin is None or kept is None or found.origin != kept.origin:
            words = f"{found.name} is unknown: no release that runs or is kept has it"
            whose = f"of release {found.origin}" if found.origin else "of no release"
            yield Drift(DriftKind.UNKNOWN, look.host, found.name, words, f"{whose}, {found.status}")
        elif found.status == "running" and not kept.standby:
            words = f"{found.name} runs, and is only kept to go back to"
            yield Drift(DriftKind.NOT_AT_REST, look.host, found.name, words)


def _front(target: Target, look: HostLook) -> Iterator[Drift]:
    if look.proxy:
        words = "the proxy does not answer"
        yield Drift(DriftKind.PROXY_AWAY, look.host, "", words, look.proxy)
        return
    routed = any(service.routes for service in target.config.services.values())
    if look.serving != ({target.origin} if routed else set()):
        there = ", ".join(f"release {one}" for one in sorted(look.serving)) or "nothing"
        wanted = f"release {target.origin}" if routed else "nothing"
        words = f"the proxy sends requests to {there}, not to {wanted}"
        yield Drift(DriftKind.MISROUTED, look.host, "", words)


def with_hidden(found: Sequence[Drift], before: Sequence[Drift]) -> list[Drift]:
    """`found`, and of what was there before that which nobody could see this time: a host that is
    away has not got rid of anything."""
    seen = {(drift.host, drift.words) for drift in found}
    return [
        *found,
        *(
            drift
            for drift in before
            if (drift.host, drift.words) not in seen and _is_hidden(drift, found)
        ),
    ]


def _is_hidden(drift: Drift, found: Sequence[Drift]) -> bool:
    here = {other.kind for other in found if other.host == drift.host}
    if DriftKind.HOST_AWAY in here:
        return True
    through_it = (DriftKind.UNHEALTHY, DriftKind.MISROUTED)
    return DriftKind.PROXY_AWAY in here and drift.kind in through_it


def next_step(drift: Drift, environment: str, sha: str) -> str:
    """What to run about it; empty where nothing has to be done. `sha` is what is deployed."""
    match drift.kind:
        case (
            DriftKind.GONE
            | DriftKind.STOPPED
            | DriftKind.OTHER_DIGEST
            | DriftKind.UNHEALTHY
            | DriftKind.PROXY_AWAY
            | DriftKind.MISROUTED
        ):
            return f"fairlead release {environment} {sha} --force"
        case DriftKind.UNKNOWN:
            return f"on {drift.host}: docker inspect {drift.container}"
        case DriftKind.NOT_AT_REST:
            return f"on {drift.host}: docker stop {drift.container}"
        case DriftKind.HOST_AWAY:
            return f"fairlead check {environment}"
        case DriftKind.UNSETTLED:
            return f"fairlead settle {environment}"
        case DriftKind.AHEAD:
            return ""
    assert_never(drift.kind)
