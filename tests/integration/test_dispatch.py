"""A delivery of GitHub's, through a real Prefect, to the history; and the store's rules for it."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from examples.stand.prefect_server import PrefectServer
from fairlead.dispatch.runs import Runs
from fairlead.errors import PrefectUnreachable, RunRefused
from fairlead.model import Delivery, DeliveryState, ReleaseState, Wish
from fairlead.store import Store, open_store
from tests.bench.bench import Bench, sha_of
from tests.bench.github import REPOSITORY, SECRET, receiving, release
from tests.bench.prefect import staged

WISH = Wish(
    guid="72d3162e-cc78-11e3-81ab-4c9367dc0958",
    event="deployment",
    subject="deployment 1",
    repository=REPOSITORY,
    actor="octocat",
    environment="dev",
    sha=sha_of("v1"),
    reason="because",
)


def another(number: int, environment: str = "dev") -> Wish:
    guid = f"00000000-0000-0000-0000-{number:012d}"
    return replace(WISH, guid=guid, subject=f"deployment {number}", environment=environment)


def test_delivery_becomes_a_release_with_who_and_how(
    bench: Bench, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    rules = {
        "secrets": ["env:WEBHOOK_SECRET"],
        "repositories": [REPOSITORY],
        "environments": [bench.project],
    }
    with staged(bench, prefect_server, tmp_path / "stage", {"dispatch": rules}) as stage:
        stage.start_worker()
        sha = stage.push("v1")
        told = release(client_payload={"environment": stage.environment, "sha": sha})
        environ = {**bench.environ, "WEBHOOK_SECRET": SECRET}
        folder = Path(bench.environ["FAIRLEAD_CONFIG"]).parent
        with receiving(folder, bench.store_url, prefect_server.api_url, environ) as receiver:
            answer = receiver.deliver(told)
        assert answer.status_code == 202
        run = answer.json()["run"]
        assert answer.json()["address"] == f"{prefect_server.ui_url}/runs/flow-run/{run}"
        ended = stage.api.ended(run)
        assert ended["state"]["name"] == "Completed"
        assert sorted(ended["tags"]) == sorted([stage.environment, sha[:7], "via:github"])
        (one,) = bench.history(stage.environment)
        assert (one.state, one.sha, one.requested_by, one.requested_via, one.reason) == (
            *(ReleaseState.SUCCEEDED, sha, "octocat", "github", "because"),
        )
        guid = answer.json()["delivery"]
        assert (one.flow_run, one.request) == (run, f"{bench.project}/{stage.environment}/{guid}")
        answers_as_the_fake_does(prefect_server, bench, sha)


def answers_as_the_fake_does(server: PrefectServer, bench: Bench, sha: str) -> None:
    """What tests/contract/fake_prefect.py is trusted with."""
    runs = Runs(server.api_url)
    (known,) = bench.read(lambda store: store.deliveries.recent(bench.project, 1))
    assert isinstance(known, Delivery)
    assert runs.start(known) == known.flow_run
    with pytest.raises(PrefectUnreachable) as missing:
        runs.start(replace(known, environment="nowhere"))
    assert missing.value.message == (
        f"The Prefect API at {server.api_url} does not answer as it should: it has no deployment "
        "release/nowhere; make it with: prefect deploy --all."
    )
    with pytest.raises(RunRefused) as refused:
        runs.start(replace(known, sha="main", guid="another"))
    assert refused.value.message == (
        f"Prefect does not take a run of release/{known.environment}: Error creating flow run: "
        "Validation failed for field 'sha'. "
        "Failure reason: 'main' does not match '^[0-9a-f]{40}$'."
    )


# -- the store ---------------------------------------------------------------------------------


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store({"FAIRLEAD_STORE_URL": store_url}) as opened:
        yield opened


def test_delivery_is_kept_once_under_its_guid_and_its_subject(store: Store) -> None:
    first, new = store.deliveries.keep("shop", WISH)
    assert new
    assert (first.state, first.attempts, first.flow_run) == (DeliveryState.WAITING, 0, None)
    assert store.deliveries.keep("shop", WISH) == (first, False)
    copied = replace(WISH, guid=another(2).guid)
    assert store.deliveries.keep("shop", copied) == (first, False)
    same_guid = replace(WISH, subject="deployment 2")
    assert store.deliveries.keep("shop", same_guid) == (first, False)
    other, new = store.deliveries.keep("other", WISH)  # another project has another webhook
    assert (other.request, new) == (f"other/dev/{WISH.guid}", True)


def test_delivery_is_found_by_the_request_it_became(store: Store) -> None:
    kept, _ = store.deliveries.keep("shop", WISH)
    assert store.deliveries.of_request("shop", kept.request) == kept
    assert store.deliveries.of_request("shop", f"shop/uat/{WISH.guid}") is None
    assert store.deliveries.of_request("shop", "any name") is None
    assert store.deliveries.of_request("other", kept.request) is None


def test_deliveries_are_claimed_one_at_a_time_in_each_environment(store: Store) -> None:
    for number, environment in enumerate(["dev", "dev", "uat"], 1):
        store.deliveries.keep("shop", another(number, environment))
    first, uat = store.deliveries.claim("shop"), store.deliveries.claim("shop")
    assert first is not None
    assert uat is not None
    assert (first.subject, uat.subject) == ("deployment 1", "deployment 3")
    assert store.deliveries.claim("shop") is None, "the second one waits behind the first"
    assert store.deliveries.put_off(first, "away", 0).problem == "away"
    again = store.deliveries.claim("shop")
    assert again is not None
    assert (again.subject, again.attempts) == ("deployment 1", 2)
    store.deliveries.started(again, "a run")
    second = store.deliveries.claim("shop")
    assert second is not None
    assert second.subject == "deployment 2"
    assert store.deliveries.refused(second, "no").state is DeliveryState.REFUSED
    assert store.deliveries.claim("shop") is None
    assert [one.state for one in store.deliveries.recent("shop", 2)] == ["waiting", "refused"]


def test_delivery_that_is_settled_stays_as_it_is(store: Store) -> None:
    kept, _ = store.deliveries.keep("shop", WISH)
    started = store.deliveries.started(kept, "a run")
    assert started.settled_at is not None
    assert store.deliveries.started(kept, "another") == started
    assert store.deliveries.refused(kept, "too late") == started
    assert store.deliveries.put_off(kept, "too late", 1) == started


@pytest.mark.parametrize(
    ("change", "constraint"),
    [
        ("state = 'started', settled_at = now()", "delivery_run_when_started"),
        ("state = 'refused', settled_at = now()", "delivery_problem_when_refused"),
        ("state = 'refused', problem = 'why'", "delivery_settled_when_final"),
        ("settled_at = now()", "delivery_settled_when_final"),
        ("state = 'lost', settled_at = now()", "delivery_state_check"),
        ("sha = 'main'", "delivery_sha_check"),
        ("guid = 'one'", "delivery_guid_check"),
        ("event = 'push'", "delivery_event_check"),
    ],
)
def test_what_a_delivery_can_not_be_is_refused(store: Store, change: str, constraint: str) -> None:
    store.deliveries.keep("shop", WISH)

    def act() -> None:
        with store.database.transaction() as connection:
            connection.execute(f"update delivery set {change}".encode())

    assert refused_by(act) == constraint


def refused_by(act: Callable[[], object]) -> str | None:
    with pytest.raises(psycopg.errors.IntegrityError) as caught:
        act()
    return caught.value.diag.constraint_name
