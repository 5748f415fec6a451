"""Which deployment at GitHub a release of the history is told at."""

from collections.abc import Iterator

import pytest

from fairlead.model import Release, ReleaseKind, ReleaseState, Request, Wish
from fairlead.notify.github_message import Place
from fairlead.notify.github_places import place_of, replaced_places
from fairlead.store import Store, open_store
from tests.bench.bench import sha_of

REPOSITORY = "Acme/shop"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store({"FAIRLEAD_STORE_URL": store_url}) as opened:
        yield opened


def released(
    store: Store, version: str, *, request: str | None = None, origin: int | None = None
) -> Release:
    kind = ReleaseKind.ROLLBACK if origin else ReleaseKind.RELEASE
    made = store.releases.begin(
        Request("dev", sha_of(version), kind, id=request),
        project="shop",
        fencing=1,
        config={},
        config_digest="",
        origin=origin,
    )
    store.releases.end(made.id, ReleaseState.SUCCEEDED)
    ended = store.releases.get(made.id)
    assert ended is not None
    return ended


def asked_for(store: Store, subject: str, number: int) -> str:
    """The request that a delivery becomes."""
    event, _, _ = subject.partition(" ")
    wish = Wish(
        guid=f"00000000-0000-0000-0000-{number:012d}",
        event=event,
        subject=subject,
        repository="acme/Shop",
        actor="octocat",
        environment="dev",
        sha=sha_of("v1"),
        reason="",
    )
    delivery, _ = store.deliveries.keep("shop", wish)
    return delivery.request


def at(release: Release, version: str, deployment: int | None = None) -> Place:
    return Place(
        project="shop",
        environment="dev",
        sha=sha_of(version),
        subject=release.subject,
        release=release.id,
        deployment=deployment,
    )


def test_a_release_that_a_deployment_asked_for_is_told_at_it(store: Store) -> None:
    asked = released(store, "v1", request=asked_for(store, "deployment 145988645", 1))
    assert place_of(store, REPOSITORY, asked) == at(asked, "v1", 145988645)
    assert place_of(store, "acme/other", asked) == at(asked, "v1")
    finished = released(store, "v2", request=asked_for(store, "workflow_run 7 1", 2))
    assert place_of(store, REPOSITORY, finished) == at(finished, "v2")
    by_hand = released(store, "v3", request="a name of somebody's own")
    assert place_of(store, REPOSITORY, by_hand) == at(by_hand, "v3")
    assert place_of(store, REPOSITORY, released(store, "v4")).deployment is None


def test_going_back_is_told_where_the_release_gone_back_to_was(store: Store) -> None:
    first = released(store, "v1", request=asked_for(store, "deployment 5", 1))
    second = released(store, "v2")
    back = released(store, "v1", origin=first.id)
    assert place_of(store, REPOSITORY, back) == at(first, "v1", 5)
    assert replaced_places(store, REPOSITORY, back) == (at(second, "v2"),)
    third = released(store, "v3")
    assert replaced_places(store, REPOSITORY, third) == (at(first, "v1", 5),)
    assert replaced_places(store, REPOSITORY, first) == ()
