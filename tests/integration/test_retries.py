"""What is tried again, how often, and what is never tried again."""

from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest

from fairlead.model import Release, ReleaseState, Step, StepName, StepOutcome
from tests.bench.bench import Bench, sha_of
from tests.contract.loopback import Answer, Asked, serving

AWAY = Answer(
    503,
    {"Content-Type": "application/json"},
    b'{"errors": [{"code": "UNAVAILABLE", "message": "come back later"}]}',
)


@dataclass
class Front:
    """Stands before the real registry and is away for the next `away` questions about manifests."""

    client: httpx.Client
    away: int = 0
    address: str = ""

    def answer(self, asked: Asked) -> Answer:
        if "/manifests/" in asked.path and self.away > 0:
            self.away -= 1
            return AWAY
        headers = {name: value for name, value in asked.headers.items() if name != "Host"}
        got = self.client.request(asked.method, asked.target, headers=headers, content=asked.body)
        return as_it_came(asked.method, got)


def as_it_came(method: str, got: httpx.Response) -> Answer:
    """Byte for byte: the answer to HEAD has the length of a body that does not come."""
    if method == "HEAD":
        lines = [f"HTTP/1.1 {got.status_code} {got.reason_phrase}"]
        lines += [f"{name}: {value}" for name, value in got.headers.items()]
        return Answer(raw="\r\n".join([*lines, "Connection: close", "", ""]).encode())
    kept = {name: value for name, value in got.headers.items() if name != "content-length"}
    return Answer(got.status_code, kept, got.content)


@pytest.fixture
def front(bench: Bench) -> Iterator[Front]:
    """What the bench's project takes for its registry."""
    base = f"http://{bench.registry}"
    with httpx.Client(base_url=base, trust_env=False, timeout=30) as client:
        made = Front(client)
        with serving(made.answer) as made.address:
            bench.configure(registry={"host": made.address})
            yield made


def tries(bench: Bench, release: Release, name: StepName) -> list[Step]:
    return [step for step in bench.steps(release.id) if step.name is name]


def is_away(front: Front) -> str:
    return (
        f"The registry {front.address} says 503 Service Unavailable (UNAVAILABLE).\n"
        "Wait for it, or mend the way to it, then try: fairlead check"
    )


def test_registry_that_comes_back_is_asked_again_and_the_release_succeeds(
    bench: Bench, front: Front
) -> None:
    sha, front.away = bench.push("v1"), 2
    release = bench.release(sha)
    assert (release.state, bench.serves()) == (ReleaseState.SUCCEEDED, "v1")
    first, second, third = tries(bench, release, StepName.VERIFY_BUILD)
    assert [(step.attempt, step.outcome, step.error) for step in (first, second, third)] == [
        (1, StepOutcome.FAILED, is_away(front)),
        (2, StepOutcome.FAILED, is_away(front)),
        (3, StepOutcome.SUCCEEDED, None),
    ]
    # A second, then two, each give or take a half.
    assert (second.started_at - first.started_at).total_seconds() >= 0.5
    assert (third.started_at - second.started_at).total_seconds() >= 1.0


def test_registry_that_stays_away_refuses_the_release_with_its_own_words(
    bench: Bench, front: Front
) -> None:
    sha, front.away = bench.push("v1"), 1000
    release = bench.release(sha)
    assert (release.state, release.error) == (ReleaseState.REFUSED, is_away(front))
    outcomes = [step.outcome for step in tries(bench, release, StepName.VERIFY_BUILD)]
    assert outcomes == [StepOutcome.FAILED] * 4
    assert {step.name for step in bench.steps(release.id)} == {
        StepName.PREFLIGHT,
        StepName.VERIFY_BUILD,
    }
    assert bench.containers() == bench.containers("proxy") == bench.containers("router") == []


def test_answer_that_is_final_is_not_asked_for_again(bench: Bench) -> None:
    release = bench.release(sha_of("never built"))
    assert release.state is ReleaseState.REFUSED
    assert len(tries(bench, release, StepName.VERIFY_BUILD)) == 1


def test_failed_migration_is_never_tried_again(bench: Bench) -> None:
    release = bench.release(bench.push("v1", MIGRATE="fail"))
    assert release.state is ReleaseState.FAILED
    (step,) = tries(bench, release, StepName.MIGRATE)
    assert (step.attempt, step.outcome) == (1, StepOutcome.FAILED)
    assert step.log_tail.splitlines() == [
        "preset command: the list of the config",
        "to run: migrate",
        "$ migrate",
        "  Applying app.v1... OK",
        "ERROR: column app.price does not exist",
    ]
    assert [step.name for step in bench.steps(release.id)][-1] is StepName.MIGRATE
