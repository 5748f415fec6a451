"""Where at GitHub the releases of the history are told of."""

from fairlead.model import Release
from fairlead.notify.github_message import Place, replaced
from fairlead.store import Store

MOST = 1000  # releases that are looked through for those that are active no more


def place_of(store: Store, repository: str, release: Release) -> Place:
    """For a rollback, that of the release it goes back to. Raises StoreUnreachable."""
    first = release if release.origin == release.id else store.releases.get(release.origin)
    assert first is not None, "the history forgets nothing"
    return Place(
        project=first.project,
        environment=first.environment,
        sha=first.sha,
        subject=first.subject,
        release=first.id,
        deployment=asked_by(store, repository, first.project, first.request),
    )


def replaced_places(store: Store, repository: str, release: Release) -> tuple[Place, ...]:
    """Those that are active no more once `release` is good. Raises StoreUnreachable."""
    history = store.releases.history(release.project, release.environment, MOST)
    return tuple(place_of(store, repository, one) for one in replaced(release, history))


def asked_by(store: Store, repository: str, project: str, request: str | None) -> int | None:
    """The deployment of that repository which asked for the release, if one did."""
    delivery = store.deliveries.of_request(project, request) if request else None
    if delivery is None or delivery.repository.lower() != repository.lower():
        return None
    event, _, number = delivery.subject.partition(" ")
    return int(number) if event == "deployment" else None
