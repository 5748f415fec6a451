"""Telling a real HTTP server, held to GitHub's description, of releases one after the other."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from pydantic import SecretStr

from fairlead.github import GitHubClient
from fairlead.model import Message, MessageKind, Outgoing, ReleaseKind, ReleaseState
from fairlead.notify import GitHubNotifier, NotTold
from fairlead.notify.github_message import Place, Standing
from tests.bench.bench import sha_of
from tests.contract.fake_github import REPOSITORY, TOKEN, FakeGitHub, refused, running_github

OLD, NEW = sha_of("v1"), sha_of("v2")
RUNNING, SUCCEEDED = ReleaseState.RUNNING, ReleaseState.SUCCEEDED
Running = tuple[FakeGitHub, GitHubNotifier]


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def running() -> Iterator[Running]:
    with running_github(commits=[OLD, NEW]) as (fake, api):
        yield fake, GitHubNotifier(GitHubClient(SecretStr(TOKEN), REPOSITORY, api))


def at(sha: str, release: int, environment: str = "dev") -> Place:
    return Place(
        project="shop",
        environment=environment,
        sha=sha,
        subject=f"release {release}",
        release=release,
    )


def standing(
    place: Place,
    state: ReleaseState,
    *replaced: Place,
    kind: ReleaseKind = ReleaseKind.RELEASE,
    waiting: bool = False,
) -> Standing:
    return Standing(
        place=place,
        release=place.release,
        kind=kind,
        state=state,
        waiting=waiting,
        replaced=replaced,
    )


def outgoing(what: Standing, reference: str | None = None, attempts: int = 1) -> Outgoing:
    body = what.model_dump(mode="json")
    return Outgoing(
        id=1,
        message=Message("github:octocat/shop", what.place.subject, MessageKind.STATE, body),
        written_at=datetime(2026, 1, 1, tzinfo=UTC),
        attempts=attempts,
        uncertain=attempts > 1,
        problem=None,
        outcome=None,
        ended_at=None,
        reference=reference,
    )


def tell(running: Running, place: Place, *states: Standing) -> None:
    """One after the other, as the outbox does."""
    reference = None
    for state in states:
        reference = running[1].deliver(outgoing(state, reference))


def shown(fake: FakeGitHub) -> dict[str, list[str]]:
    """What each deployment's states are, by its subject, the oldest first."""
    return {
        str(made["payload"]["fairlead"]["subject"]): fake.states(made["id"])
        for made in reversed(fake.deployments)
    }


@pytest.mark.parametrize("environment", ["dev", "prod"])
def test_a_release_is_one_deployment_and_takes_the_place_of_the_one_before(
    running: Running, environment: str
) -> None:
    fake, _ = running
    first, second = at(OLD, 1, environment), at(NEW, 2, environment)
    tell(running, first, standing(first, RUNNING), standing(first, SUCCEEDED))
    tell(
        running,
        second,
        standing(second, RUNNING, waiting=True),
        standing(second, RUNNING),
        standing(second, SUCCEEDED, first),
    )
    assert shown(fake) == {
        "release 1": ["in_progress", "success", "inactive"],
        "release 2": ["queued", "in_progress", "success"],
    }
    context = f"fairlead/{environment}"
    states = {
        sha: [(status["context"], status["state"]) for status in reversed(fake.statuses[sha])]
        for sha in (OLD, NEW)
    }
    assert states == {
        OLD: [(context, "pending"), (context, "success")],
        NEW: [(context, "pending"), (context, "pending"), (context, "success")],
    }


def test_going_back_is_told_at_the_deployment_gone_back_to(running: Running) -> None:
    fake, _ = running
    first, second = at(OLD, 1), at(NEW, 2)
    tell(running, first, standing(first, SUCCEEDED))
    tell(running, second, standing(second, SUCCEEDED, first))
    back = ReleaseKind.ROLLBACK
    tell(
        running,
        first,
        standing(first, RUNNING, kind=back),
        standing(first, SUCCEEDED, second, kind=back),
    )
    assert shown(fake) == {
        "release 1": ["success", "inactive", "in_progress", "success"],
        "release 2": ["success", "inactive"],
    }


def test_a_release_that_fails_leaves_the_one_before_active(running: Running) -> None:
    fake, _ = running
    first, second = at(OLD, 1), at(NEW, 2)
    tell(running, first, standing(first, SUCCEEDED))
    tell(running, second, standing(second, RUNNING), standing(second, ReleaseState.ROLLED_BACK))
    assert shown(fake) == {"release 1": ["success"], "release 2": ["in_progress", "failure"]}


def test_a_deployment_that_asked_for_the_release_is_used(running: Running) -> None:
    fake, github = running
    whole = {"environment": "dev", "production_environment": False, "transient_environment": False}
    fake.deployments.append({"id": 31, **whole})
    place = at(OLD, 1).model_copy(update={"deployment": 31})
    assert github.deliver(outgoing(standing(place, SUCCEEDED))) == "31"
    assert fake.states(31) == ["success"]
    assert len(fake.deployments) == 1


def test_a_deployment_that_somebody_deleted_is_created_anew(running: Running) -> None:
    fake, github = running
    first, second = at(OLD, 1), at(NEW, 2)
    place = first.model_copy(update={"deployment": 31})
    reference = github.deliver(outgoing(standing(place, RUNNING)))
    assert github.deliver(outgoing(standing(place, SUCCEEDED), reference)) == reference
    fake.deployments.clear()
    tell(running, second, standing(second, SUCCEEDED, place, first))
    fake.deployments.clear()
    assert github.deliver(outgoing(standing(second, SUCCEEDED), reference, 2)) != reference
    assert shown(fake) == {"release 2": ["success"]}


def test_what_was_told_by_half_is_not_told_twice(running: Running) -> None:
    fake, github = running
    before, place = at(OLD, 1, "prod"), at(NEW, 2, "prod")
    tell(running, before, standing(before, SUCCEEDED))
    whole = standing(place, SUCCEEDED, before)
    for attempt, answers in enumerate([0, 1, 2, 3, 4, 5], 1):
        fake.lasts = answers
        with pytest.raises(NotTold) as caught:
            github.deliver(outgoing(whole, attempts=attempt))
        assert (caught.value.uncertain, caught.value.lasting) == (True, False)
    fake.lasts = None
    github.deliver(outgoing(whole, attempts=7))
    assert shown(fake) == {"release 1": ["success", "inactive"], "release 2": ["success"]}


def test_what_github_will_never_take_is_lasting_and_a_limit_is_kept(running: Running) -> None:
    fake, github = running
    unpushed = at(sha_of("v3"), 3)
    with pytest.raises(NotTold) as caught:
        github.deliver(outgoing(standing(unpushed, RUNNING)))
    assert caught.value.lasting
    assert caught.value.message == (
        f"GitHub says 422 Unprocessable Entity for octocat/shop: No ref found for: {sha_of('v3')}."
    )
    fake.scripted = [refused(429, "Slow down", **{"Retry-After": "30"})]
    with pytest.raises(NotTold) as caught:
        github.deliver(outgoing(standing(at(OLD, 1), RUNNING)))
    assert (caught.value.retry_after, caught.value.lasting) == (30, False)
