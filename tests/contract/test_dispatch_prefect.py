"""What is asked of Prefect's REST API for a delivery, and what each answer means."""

import base64
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from fairlead.dispatch.runs import Runs
from fairlead.errors import FairleadError, PrefectUnreachable, RunRefused
from fairlead.model import Delivery, DeliveryState
from tests.bench.bench import free_port, sha_of
from tests.contract.fake_prefect import FakePrefect, running_prefect, said
from tests.contract.loopback import Answer, Asked

DELIVERY = Delivery(
    project="shop",
    guid="72d3162e-cc78-11e3-81ab-4c9367dc0958",
    event="deployment",
    subject="deployment 1",
    repository="acme/shop",
    actor="octocat",
    environment="dev",
    sha=sha_of("v1"),
    reason="because",
    received_at=datetime(2026, 1, 2, tzinfo=UTC),
    state=DeliveryState.WAITING,
    attempts=1,
    flow_run=None,
    problem=None,
    settled_at=None,
)


@pytest.fixture
def prefect() -> Iterator[tuple[FakePrefect, str]]:
    with running_prefect() as running:
        yield running


def failure(runs: Runs, delivery: Delivery = DELIVERY) -> FairleadError:
    with pytest.raises(FairleadError) as caught:
        runs.start(delivery)
    return caught.value


def test_same_delivery_is_the_same_run(prefect: tuple[FakePrefect, str]) -> None:
    fake, api = prefect
    runs = Runs(api)
    first = runs.start(DELIVERY)
    assert runs.start(DELIVERY) == first
    assert runs.start(replace(DELIVERY, environment="uat")) != first
    assert list(fake.runs) == [f"shop/{name}/{DELIVERY.guid}" for name in ("dev", "uat")]


def test_password_is_sent_and_a_wrong_one_is_told(prefect: tuple[FakePrefect, str]) -> None:
    fake, api = prefect
    fake.auth = "Basic " + base64.b64encode("admin:pä ss".encode()).decode()
    assert Runs(api, "admin:pä ss").start(DELIVERY) in fake.ids.values()
    wrong = failure(Runs(api, "admin:planted-7f3a91"))
    assert isinstance(wrong, PrefectUnreachable)
    assert wrong.message == (
        f"The Prefect API at {api} does not answer as it should: 401 Unauthorized."
    )


def test_token_against_forgery_is_fetched_where_it_is_wanted(
    prefect: tuple[FakePrefect, str],
) -> None:
    fake, api = prefect
    fake.csrf, fake.auth = "a token", "Basic " + base64.b64encode(b"a:b").decode()
    assert Runs(api, "a:b").start(DELIVERY) in fake.ids.values()
    assert [asked.path.rpartition("/")[2] for asked in fake.asked] == [
        *("dev", "create_flow_run", "csrf-token", "create_flow_run")
    ]


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (Answer(raw=b""), "Server disconnected without sending a response"),
        (said(503, {"detail": "database is locked"}), "503 database is locked"),
        (said(429, {}), "429 Too Many Requests"),
        (said(403, {"detail": "no"}), "403 no"),
        (said(200, {"id": "../x"}), "its answer is not Prefect's"),
        (said(200, []), "its answer is not Prefect's"),
        (Answer(200, {}, b"<html>"), "its answer is not Prefect's"),
    ],
)
def test_what_may_work_later_is_told_as_that(
    prefect: tuple[FakePrefect, str], answer: Answer, why: str
) -> None:
    fake, api = prefect
    fake.broken = answer
    told = failure(Runs(api))
    assert isinstance(told, PrefectUnreachable)
    assert told.message == f"The Prefect API at {api} does not answer as it should: {why}."


@pytest.mark.parametrize("token", [said(200, {}), said(200, {"token": 7}), Answer(200, {}, b"<")])
def test_token_against_forgery_that_is_none_is_told(
    prefect: tuple[FakePrefect, str], monkeypatch: pytest.MonkeyPatch, token: Answer
) -> None:
    fake, api = prefect
    fake.csrf = "a token"

    def answering(asked: Asked) -> Answer:
        return token if asked.path.endswith("csrf-token") else FakePrefect.do(fake, asked)

    monkeypatch.setattr(fake, "do", answering)
    told = failure(Runs(api))
    assert isinstance(told, PrefectUnreachable)
    assert told.message.endswith("as it should: its answer is not Prefect's.")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (said(404, {"detail": "Flow run not found"}), "404 Flow run not found"),
        (said(200, {"status": "REJECT", "details": {"reason": "It is over"}}), "It is over"),
        (said(200, {"status": "REJECT"}), "its answer is not Prefect's"),
        (said(200, []), "its answer is not Prefect's"),
        (Answer(200, {}, b"<html>"), "its answer is not Prefect's"),
    ],
)
def test_run_that_does_not_go_on_is_told(
    prefect: tuple[FakePrefect, str], answer: Answer, why: str
) -> None:
    fake, api = prefect
    fake.broken = answer
    with pytest.raises(PrefectUnreachable) as caught:
        Runs(api).resume("72d3162e-cc78-11e3-81ab-4c9367dc0958", {"decision": "approve"})
    assert caught.value.message == (
        f"The Prefect API at {api} does not answer as it should: {why}."
    )


def test_nobody_who_answers_and_no_url_are_told() -> None:
    port = free_port()
    assert failure(Runs(f"http://127.0.0.1:{port}/api")).message == (
        f"The Prefect API at http://127.0.0.1:{port}/api does not answer as it should: "
        "[Errno 111] Connection refused."
    )
    assert isinstance(failure(Runs("prefect")), PrefectUnreachable)


@pytest.mark.parametrize("code", [400, 409, 422])
def test_what_will_never_work_is_refused(prefect: tuple[FakePrefect, str], code: int) -> None:
    fake, api = prefect
    fake.refusal = said(code, {"detail": "Validation failed\nfor field 'sha'"})
    told = failure(Runs(api))
    assert isinstance(told, RunRefused)
    assert told.message == (
        "Prefect does not take a run of release/dev: Validation failed for field 'sha'."
    )
