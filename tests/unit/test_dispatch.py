"""What GitHub may start, and how it is asked for: signatures, events, lists, limits, requests."""

import asyncio
import json
import logging
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from fairlead.checking import check_shared
from fairlead.dispatch import problems
from fairlead.dispatch.events import LONGEST_REASON, Event, Ignored, read, short
from fairlead.dispatch.limits import Rate, Room
from fairlead.dispatch.policy import decide
from fairlead.dispatch.problems import Problem
from fairlead.dispatch.receiver import Receiver
from fairlead.dispatch.runs import Runs, run_of
from fairlead.dispatch.signature import is_signature, is_signed, signed
from fairlead.dispatch.starter import Starter, pause
from fairlead.model import Delivery, DeliveryState, Wish
from tests.bench.github import (
    REPOSITORY,
    SHA,
    deployment,
    headers,
    parsed,
    release,
    signature,
    workflow_run,
)

GUID = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
OLD, NEW = SecretStr("old secret"), SecretStr("new secret")

# -- signatures --------------------------------------------------------------------------------


def test_a_signature_is_that_of_github_s_own_example() -> None:
    """https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries"""
    secret = SecretStr("It's a Secret to Everybody")
    expected = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    assert signed(b"Hello, World!", secret) == expected
    assert is_signed(b"Hello, World!", expected, [secret])


@given(body=st.binary(max_size=200))
def test_both_secrets_of_a_rotation_sign_and_no_other(body: bytes) -> None:
    for secret in (OLD, NEW):
        assert is_signed(body, signed(body, secret), [OLD, NEW])
    assert not is_signed(body, signed(body, SecretStr("another")), [OLD, NEW])
    assert not is_signed(body + b" ", signed(body, NEW), [OLD, NEW])
    assert not is_signed(body, signed(body, OLD), [NEW])


@given(text=st.text())
def test_no_other_text_is_a_signature(text: str) -> None:
    assert not is_signed(b"body", text, [OLD, NEW])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sha256=",
        signature(b"")[:-1],
        signature(b"") + "0",
        signature(b"").upper(),
        signature(b"").replace("sha256", "sha1"),
        signature(b"") + "\n",
    ],
)
def test_what_has_not_the_form_of_a_signature_is_none(text: str) -> None:
    assert not is_signature(text)


# -- events ------------------------------------------------------------------------------------


def event_of(name: str, told: dict[str, Any]) -> Event | Ignored:
    return read(name, json.dumps(told).encode())


def test_each_event_is_read_as_what_it_asks_for() -> None:
    common = {"repository": REPOSITORY, "source": REPOSITORY, "actor": "octocat", "sha": SHA}
    dispatched = event_of("repository_dispatch", release())
    assert isinstance(dispatched, Event)
    assert dispatched == Event(
        **common,
        name="repository_dispatch",
        subject=dispatched.subject,
        reason="because",
        environment="dev",
    )
    assert event_of("workflow_run", workflow_run()) == Event(
        **common,
        name="workflow_run",
        subject="workflow_run 289782451 1",
        reason="workflow build succeeded: run 289782451",
        branch="develop",
        workflow="build",
        trigger="push",
    )
    assert event_of("deployment", deployment()) == Event(
        **common,
        name="deployment",
        subject="deployment 145988645",
        reason="deployment 145988645",
        environment="dev",
    )


def test_a_deployment_without_a_creator_is_the_sender_s() -> None:
    told = deployment()
    told["deployment"]["creator"] = None
    read = event_of("deployment", {**told, "sender": {"login": "hubot[bot]"}})
    assert isinstance(read, Event)
    assert read.actor == "hubot[bot]"


def test_what_a_body_names_is_the_same_for_the_same_and_another_for_another() -> None:
    def subject(name: str, told: dict[str, Any]) -> str:
        read = event_of(name, told)
        assert isinstance(read, Event)
        return read.subject

    once = subject("repository_dispatch", release())
    assert subject("repository_dispatch", release()) == once
    other = release(client_payload={"reason": "once more"})
    assert subject("repository_dispatch", other) != once
    again = workflow_run(workflow_run={"run_attempt": 2})
    assert subject("workflow_run", again) == "workflow_run 289782451 2"


IGNORED: list[tuple[str, dict[str, Any], str]] = [
    ("push", {}, "The event push starts nothing."),
    (
        "repository_dispatch",
        release(action="docs", client_payload=None),
        'repository_dispatch with the action "docs" starts nothing.',
    ),
    (
        "workflow_run",
        workflow_run(action="requested"),
        'workflow_run with the action "requested" starts nothing.',
    ),
    (
        "workflow_run",
        workflow_run(workflow_run={"conclusion": "failure"}),
        "The workflow did not succeed: failure.",
    ),
    (
        "workflow_run",
        {**workflow_run(), "workflow_run": {**workflow_run()["workflow_run"], "conclusion": None}},
        "The workflow did not succeed: no conclusion.",
    ),
    (
        "workflow_run",
        workflow_run(workflow_run={"head_branch": ""}),
        "The workflow ran for no branch.",
    ),
    (
        "deployment",
        deployment(workflow_run={"id": 1}),
        "A job of GitHub Actions made this deployment for itself.",
    ),
    (
        "deployment",
        deployment(deployment={"task": "deploy:migrations"}),
        'A deployment with the task "deploy:migrations" starts nothing.',
    ),
]


@pytest.mark.parametrize(("name", "told", "why"), IGNORED)
def test_what_starts_nothing_is_ignored_with_the_reason(
    name: str, told: dict[str, Any], why: str
) -> None:
    assert event_of(name, told) == Ignored(why)


def refused(name: str, body: bytes) -> Problem:
    with pytest.raises(Problem) as caught:
        read(name, body)
    return caught.value


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"action": "\\ud800"}'])
def test_what_is_no_json_is_unreadable(body: bytes) -> None:
    problem = refused("deployment", body)
    assert (problem.status, problem.detail) == (HTTPStatus(422), "The body is not JSON.")
    assert problem.errors == ()


def test_each_member_that_is_wrong_is_named() -> None:
    wrong = release(
        repository={"full_name": "shop"},
        client_payload={"environment": None, "sha": "main", "reason": 3},
    )
    assert refused("repository_dispatch", b"[]").errors == ["body: input should be an object"]
    assert refused("repository_dispatch", json.dumps(wrong).encode()).errors == [
        "repository.full_name: string should match pattern "
        "'^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$'"
    ]
    del wrong["repository"]["full_name"]
    wrong["repository"]["full_name"] = REPOSITORY
    problem = refused("repository_dispatch", json.dumps(wrong).encode())
    assert problem.body() == {
        "type": "about:blank",
        "title": HTTPStatus(422).phrase,
        "status": 422,
        "detail": "The body is not what GitHub sends for this event.",
        "errors": [
            "client_payload.environment: field required",
            "client_payload.sha: string should match pattern '^[0-9a-f]{40}$'",
            "client_payload.reason: input should be a valid string",
        ],
    }


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("as it is", "as it is"),
        ("  two\n\tlines\0 ", "two lines"),
        ("\x1b[31mred", "[31mred"),
        ("x" * 500, "x" * 500),
        ("x" * 501, "x" * 499 + "…"),
    ],
)
def test_a_reason_is_kept_as_one_line_that_the_history_takes(text: str, kept: str) -> None:
    assert short(text) == kept


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
PLACES = [
    *[("action",), ("repository",), ("repository", "full_name"), ("sender",), ("sender", "login")],
    *[("client_payload",), ("client_payload", "environment"), ("client_payload", "sha")],
    *[("client_payload", "reason"), ("workflow_run",), ("workflow_run", "id")],
    *[("workflow_run", name) for name in ("event", "conclusion", "head_branch", "head_sha")],
    *[("workflow_run", name) for name in ("head_repository", "name", "run_attempt")],
    *[("deployment",), *[("deployment", name) for name in ("id", "environment", "sha")]],
    *[("deployment", name) for name in ("task", "description", "creator")],
]
EVENTS = {"repository_dispatch": release, "workflow_run": workflow_run, "deployment": deployment}


@given(name=st.sampled_from(sorted(EVENTS)), place=st.sampled_from(PLACES), value=ANYTHING)
def test_one_odd_value_in_a_good_body_is_refused_in_words_or_is_good(
    name: str, place: tuple[str, ...], value: Any
) -> None:
    told = EVENTS[name]()
    table = told
    for key in place[:-1]:
        table = table.get(key) or table.setdefault(f"not {key}", {})
    table[place[-1]] = value
    outcome = judged(name, json.dumps(told).encode())
    assert not isinstance(outcome, Problem) or outcome.status in (403, 422)
    if isinstance(outcome, Wish):  # it can be stored and shown
        kept = [outcome.subject, outcome.actor, outcome.reason, outcome.sha, outcome.environment]
        assert all(text.isprintable() and len(text) <= LONGEST_REASON for text in kept)


@given(name=st.sampled_from([*EVENTS, "push", ""]), body=st.binary(max_size=100))
def test_nothing_but_a_problem_comes_of_any_body(name: str, body: bytes) -> None:
    assert not isinstance(judged(name, body), Wish)


def judged(name: str, body: bytes) -> Wish | Ignored | Problem:
    try:
        event = read(name, body)
        return event if isinstance(event, Ignored) else decide(parsed(), event, GUID)
    except Problem as problem:
        return problem


# -- lists -------------------------------------------------------------------------------------


def decided(name: str, told: dict[str, Any], **rules: Any) -> Wish | Ignored | str:
    """The status and the words where it is refused."""
    event = event_of(name, told)
    assert isinstance(event, Event)
    try:
        return decide(parsed(dispatch=rules), event, GUID)
    except Problem as problem:
        return f"{problem.status} {problem.detail}"


def test_a_wish_says_who_wants_what_where_and_why() -> None:
    assert decided("workflow_run", workflow_run()) == Wish(
        guid=GUID,
        event="workflow_run",
        subject="workflow_run 289782451 1",
        repository=REPOSITORY,
        actor="octocat",
        environment="dev",
        sha=SHA,
        reason="workflow build succeeded: run 289782451",
    )


@pytest.mark.parametrize(
    ("name", "told", "rules", "environment"),
    [
        ("repository_dispatch", release(client_payload={"environment": "uat"}), {}, "uat"),
        ("deployment", deployment(), {"actors": ["OctoCat", "hubot[bot]"]}, "dev"),
        ("deployment", deployment(), {"repositories": ["other/one", REPOSITORY.upper()]}, "dev"),
        ("workflow_run", workflow_run(workflow_run={"head_branch": "uat"}), {}, "uat"),
        ("workflow_run", workflow_run(), {"workflows": ["test", "build"]}, "dev"),
    ],
)
def test_what_is_on_the_lists_may_be(
    name: str, told: dict[str, Any], rules: dict[str, Any], environment: str
) -> None:
    wish = decided(name, told, **rules)
    assert isinstance(wish, Wish)
    assert wish.environment == environment


FORK = {"head_repository": {"full_name": "mallory/shop"}}
REFUSED: list[tuple[str, dict[str, Any], dict[str, Any], str]] = [
    (
        "repository_dispatch",
        release(repository={"full_name": "mallory/shop"}),
        {},
        "mallory/shop may start nothing here ([dispatch] repositories).",
    ),
    (
        "repository_dispatch",
        release(client_payload={"environment": "prod"}),
        {},
        'GitHub may not start a release to "prod" ([dispatch] environments).',
    ),
    (
        "repository_dispatch",
        release(client_payload={"environment": "qa\n"}),
        {},
        'GitHub may not start a release to "qa" ([dispatch] environments).',
    ),
    (
        "deployment",
        deployment(deployment={"environment": "prod"}),
        {},
        'GitHub may not start a release to "prod" ([dispatch] environments).',
    ),
    (
        "repository_dispatch",
        release(),
        {"environments": None},
        'GitHub may not start a release to "dev" ([dispatch] environments).',
    ),
    (
        "deployment",
        deployment(deployment={"creator": {"login": "mallory"}}),
        {"actors": ["octocat"]},
        "mallory may start nothing here ([dispatch] actors).",
    ),
    (
        "workflow_run",
        workflow_run(workflow_run=FORK),
        {},
        "The workflow ran for a fork: mallory/shop.",
    ),
    (
        "workflow_run",
        workflow_run(workflow_run={**FORK, "event": "pull_request"}),
        {},
        "The workflow ran for a fork: mallory/shop.",
    ),
    (
        "workflow_run",
        workflow_run(workflow_run={"head_repository": None}),
        {},
        "The workflow ran for a fork: one that is gone.",
    ),
]


@pytest.mark.parametrize("github", [None, {"repository": "acme/other"}])
def test_a_workflow_counts_only_where_its_branch_can_be_asked_after(github: Any) -> None:
    event = event_of("workflow_run", workflow_run())
    assert isinstance(event, Event)
    with pytest.raises(Problem) as caught:
        decide(parsed(github=github), event, GUID)
    assert (caught.value.status, caught.value.detail) == (
        HTTPStatus.FORBIDDEN,
        "Nobody can be asked whether a branch of Acme/shop has the commit ([github] repository).",
    )
    assert isinstance(decided("deployment", deployment()), Wish)


@pytest.mark.parametrize(
    ("over", "more"),
    [({}, ""), ({"github": None}, ", and no workflow does: that wants [github] repository")],
)
def test_check_says_where_no_workflow_can_start_anything(over: dict[str, Any], more: str) -> None:
    project: Any = SimpleNamespace(
        config=parsed(**over),
        store=SimpleNamespace(conninfo="host=h"),
        registry=lambda _: SimpleNamespace(ping=lambda: None),
        github=lambda: SimpleNamespace(check=lambda: "answers", close=lambda: None),
        dispatch_secrets=lambda: ["one"],
    )
    *_, last = check_shared(project)
    assert last.found == f"1 secret; GitHub may start dev, uat{more}"


@pytest.mark.parametrize(("name", "told", "rules", "words"), REFUSED)
def test_what_is_on_no_list_is_refused_with_the_list(
    name: str, told: dict[str, Any], rules: dict[str, Any], words: str
) -> None:
    assert decided(name, told, **rules) == f"403 {words}"


@pytest.mark.parametrize(
    ("name", "told", "rules", "why"),
    [
        (
            "deployment",
            deployment(deployment={"environment": "github-pages"}),
            {},
            'There is no environment "github-pages" here.',
        ),
        (
            "workflow_run",
            workflow_run(workflow_run={"head_branch": "topic"}),
            {"actors": ["nobody"]},
            'GitHub may start no environment of the branch "topic".',
        ),
        (
            "workflow_run",
            workflow_run(workflow_run={"head_branch": "main"}),
            {},
            'GitHub may start no environment of the branch "main".',
        ),
        (
            "workflow_run",
            workflow_run(workflow_run={"event": "pull_request"}),
            {},
            "The workflow ran for a pull request.",
        ),
        (
            "workflow_run",
            workflow_run(),
            {"workflows": ["image"]},
            'The workflow "build" starts nothing ([dispatch] workflows).',
        ),
    ],
)
def test_what_is_meant_for_somebody_else_is_ignored(
    name: str, told: dict[str, Any], rules: dict[str, Any], why: str
) -> None:
    assert decided(name, told, **rules) == Ignored(why)


# -- limits ------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_a_rate_lets_so_many_through_and_says_when_the_next_may_come() -> None:
    clock = Clock()
    rate = Rate(6, clock)
    assert [rate.wait() for _ in range(8)] == [0] * 6 + [10, 10]
    clock.seconds = 9
    assert rate.wait() == 1
    clock.seconds = 10
    assert [rate.wait(), rate.wait()] == [0, 10]
    clock.seconds = 1000
    assert [rate.wait() for _ in range(7)] == [0] * 6 + [10]


@given(st.lists(st.floats(0, 100), max_size=50), st.integers(1, 1000))
def test_no_more_than_the_rate_passes_in_any_time(pauses: list[float], per_minute: int) -> None:
    clock = Clock()
    rate = Rate(per_minute, clock)
    passed = 0
    for seconds in pauses:
        clock.seconds += seconds
        passed += sum(rate.wait() == 0 for _ in range(5))
    assert passed <= per_minute + clock.seconds * per_minute / 60 + 1e-6


def test_room_is_given_and_given_back() -> None:
    room, told = Room(10), list[str]()
    with room.place(lambda: told.append("first")) as first:
        assert room.add(first, b"123456")
        assert room.add(first, b"7890")
        assert first.body == b"1234567890"
    with room.place(lambda: told.append("second")) as second:
        assert room.add(second, b"1234567890")
    assert told == []
    assert first.body == second.body == b""


def test_oldest_gives_way_where_there_is_no_room() -> None:
    room, told = Room(10), list[str]()
    with (
        room.place(lambda: told.append("old")) as old,
        room.place(lambda: told.append("middle")) as middle,
        room.place(lambda: told.append("new")) as new,
    ):
        assert [room.add(old, b"12345"), room.add(middle, b"12345")] == [True, True]
        assert room.add(new, b"1")
        assert told == ["old"]
        assert (bytes(old.body), bytes(middle.body)) == (b"", b"12345")
        assert not room.add(old, b"1")
        assert not room.add(middle, b"123456")
        assert told == ["old", "middle"]
        assert room.add(new, b"234567890")
        assert not room.add(new, b"1")
        assert told == ["old", "middle", "new"]
    with room.place(told.clear) as another:
        assert room.add(another, b"1234567890")
    assert told


@pytest.mark.parametrize(
    ("problem", "status", "headers"),
    [
        (problems.not_signed(), 401, {"WWW-Authenticate": 'X-Hub-Signature-256 realm="fairlead"'}),
        (problems.not_allowed("no"), 403, {}),
        (problems.too_slow(4), 408, {}),
        (problems.too_large(7), 413, {}),
        (problems.not_json(), 415, {"Accept": "application/json"}),
        (problems.unreadable("no"), 422, {}),
        (problems.too_many(3), 429, {"Retry-After": "3"}),
        (problems.unavailable("no"), 503, {"Retry-After": "10"}),
    ],
)
def test_a_problem_has_the_status_and_the_headers_that_belong_to_it(
    problem: Problem, status: int, headers: dict[str, str]
) -> None:
    assert (problem.status, problem.headers) == (status, headers)
    assert problem.body() == {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": problem.detail,
    }


def test_flood_for_which_there_is_no_room_fills_no_log(caplog: pytest.LogCaptureFixture) -> None:
    nobody: Any = None  # nothing is stored or started
    receiver = Receiver(
        parsed(dispatch={"rate": 2}), [NEW], Starter("shop", nobody, nobody, nobody)
    )
    receiver._room = Room(0)

    async def flood() -> list[int]:
        transport = httpx.ASGITransport(receiver.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            body = json.dumps(release()).encode()
            answers = [
                await client.post("/github", content=body, headers=headers(body, secret="another"))
                for _ in range(4)
            ]
        return [answer.status_code for answer in answers]

    with caplog.at_level(logging.INFO, "fairlead"):
        assert asyncio.run(flood()) == [503, 503, 429, 429]
    assert [one.getMessage() for one in caplog.records] == ["503 Too many bodies at once."] * 2


def test_a_slow_body_gives_way_to_a_signed_one() -> None:
    nobody: Any = None
    receiver = Receiver(parsed(), [NEW], Starter("shop", nobody, nobody, nobody))
    receiver._room = Room(1000)

    async def both() -> list[int]:
        full, over = asyncio.Event(), asyncio.Event()

        async def slow() -> AsyncIterator[bytes]:
            yield b"x" * 999
            full.set()
            await over.wait()

        transport = httpx.ASGITransport(receiver.app())
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            sent = headers(b"x" * 999, secret="another")
            first = asyncio.create_task(client.post("/github", content=slow(), headers=sent))
            await full.wait()
            sent = headers(b"{}", "ping", secret=NEW.get_secret_value())
            signed = await client.post("/github", content=b"{}", headers=sent)
            over.set()
            return [(await first).status_code, signed.status_code]

    assert asyncio.run(both()) == [503, 200]


# -- what is asked of Prefect ------------------------------------------------------------------


def delivery() -> Delivery:
    wish = decided("repository_dispatch", release())
    assert isinstance(wish, Wish)
    return Delivery(
        guid=GUID,
        event=wish.event,
        subject=wish.subject,
        repository=wish.repository,
        actor=wish.actor,
        environment=wish.environment,
        sha=wish.sha,
        reason=wish.reason,
        project="shop",
        received_at=datetime(2026, 1, 2, tzinfo=UTC),
        state=DeliveryState.WAITING,
        attempts=1,
        flow_run=None,
        problem=None,
        settled_at=None,
    )


def test_a_run_is_asked_for_under_the_name_of_project_environment_and_delivery() -> None:
    assert run_of(delivery()) == {
        "parameters": {
            "environment": "dev",
            "sha": SHA,
            "reason": "because",
            "requested_by": "octocat",
            "request_id": f"shop/dev/{GUID}",
        },
        "idempotency_key": f"shop/dev/{GUID}",
        "tags": ["via:github"],
    }


@pytest.mark.parametrize(
    ("api", "ui", "page"),
    [
        ("http://prefect.example:4200/api", None, "http://prefect.example:4200"),
        ("http://prefect.example/api/", None, "http://prefect.example"),
        ("http://api.example/api", "https://prefect.example/", "https://prefect.example"),
    ],
)
def test_a_run_has_a_page(api: str, ui: str | None, page: str) -> None:
    run = str(uuid.uuid4())
    assert Runs(api, ui=ui).address(run) == f"{page}/runs/flow-run/{run}"


def test_tries_come_more_and_more_seldom_and_never_stop() -> None:
    assert [pause(attempts) for attempts in (1, 2, 3, 4, 5, 6, 1000)] == [1, 2, 4, 8, 15, 15, 15]
