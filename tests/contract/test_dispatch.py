"""The receiver as GitHub meets it: real HTTP, a real store, and a Prefect that can be away."""

import json
import signal
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from examples.stand.postgres import Postgres
from fairlead.model import Delivery, DeliveryState
from tests.bench.bench import sha_of
from tests.bench.github import (
    FAIRLEAD,
    REPOSITORY,
    SECRET,
    SHA,
    Running,
    deployment,
    headers,
    receiving,
    release,
    workflow_run,
)
from tests.bench.prefect import wait_for
from tests.contract.fake_github import TOKEN, FakeGitHub, refused, running_github
from tests.contract.fake_prefect import FakePrefect, running_prefect, said

Prefect = tuple[FakePrefect, str]
GitHub = tuple[FakeGitHub, str]
LATER = sha_of("v2")


@pytest.fixture
def prefect() -> Iterator[Prefect]:
    with running_prefect() as running:
        yield running


@pytest.fixture
def github() -> Iterator[GitHub]:
    """Its branch develop has SHA, and LATER after it."""
    commits, branches = [SHA, LATER], {"develop": LATER}
    with running_github(repository=REPOSITORY, commits=commits, branches=branches) as running:
        yield running


@pytest.fixture
def receiver(tmp_path: Path, store_url: str, prefect: Prefect, github: GitHub) -> Iterator[Running]:
    place, token = {"api": github[1], "token": "env:GITHUB_TOKEN"}, {"GITHUB_TOKEN": TOKEN}
    with receiving(tmp_path, store_url, prefect[1], token, github=place) as running:
        yield running


def kept(receiver: Running) -> list[Delivery]:
    """What the store has, the oldest first."""
    with receiver.store() as store:
        return store.deliveries.recent("shop", 1000)[::-1]


def test_each_event_starts_one_run_and_is_in_the_store(receiver: Running, prefect: Prefect) -> None:
    fake, api = prefect
    events: list[tuple[str, dict[str, Any], str]] = [
        ("repository_dispatch", release(client_payload={"environment": "uat"}), "uat"),
        ("workflow_run", workflow_run(), "dev"),
        ("deployment", deployment(deployment={"description": "a\nb"}), "dev"),
    ]
    for event, told, environment in events:
        guid = str(uuid.uuid4())
        answer = receiver.deliver(told, event, guid=guid.upper())
        key = f"shop/{environment}/{guid}"
        page = f"{api.removesuffix('/api')}/runs/flow-run/{fake.ids[key]}"
        assert answer.status_code == HTTPStatus.ACCEPTED
        assert answer.headers["Location"] == page
        assert answer.json() == {
            "delivery": guid,
            "state": "started",
            "environment": environment,
            "sha": SHA,
            "run": fake.ids[key],
            "address": page,
            "problem": None,
        }
    assert [
        (one.event, one.repository, one.actor, one.reason, one.state, one.attempts)
        for one in kept(receiver)
    ] == [
        ("repository_dispatch", REPOSITORY, "octocat", "because", "started", 1),
        (
            "workflow_run",
            REPOSITORY,
            "octocat",
            "workflow build succeeded: run 289782451",
            "started",
            1,
        ),
        ("deployment", REPOSITORY, "octocat", "a b", "started", 1),
    ]
    assert [one.flow_run for one in kept(receiver)] == list(fake.ids.values())


def test_redelivery_is_answered_with_the_same_run(receiver: Running, prefect: Prefect) -> None:
    guid = str(uuid.uuid4())
    first = receiver.deliver(release(), guid=guid)
    again = receiver.deliver(release(), guid=guid)
    assert (first.status_code, again.status_code) == (HTTPStatus.ACCEPTED, HTTPStatus.OK)
    assert again.json() == first.json()
    assert len(prefect[0].runs) == len(kept(receiver)) == 1


def test_body_under_another_guid_starts_nothing(receiver: Running, prefect: Prefect) -> None:
    first = receiver.deliver(release())
    copied = receiver.deliver(release())
    assert copied.status_code == HTTPStatus.OK
    assert copied.json() == {
        **first.json(),
        "problem": "This body came before, as another delivery. "
        "To ask once more, say another reason.",
    }
    run = receiver.deliver(workflow_run(), "workflow_run")
    reworded = workflow_run(sender={"login": "mallory"})
    assert receiver.deliver(reworded, "workflow_run").json()["run"] == run.json()["run"]
    assert len(prefect[0].runs) == len(kept(receiver)) == 2


def test_what_starts_nothing_is_answered_with_the_reason(
    receiver: Running, prefect: Prefect
) -> None:
    assert receiver.deliver({"zen": "Keep it logically awesome."}, "ping").json() == {
        "state": "ignored",
        "why": "The signature is right.",
    }
    failed = receiver.deliver(workflow_run(workflow_run={"conclusion": "failure"}), "workflow_run")
    assert (failed.status_code, failed.json()) == (
        HTTPStatus.OK,
        {"state": "ignored", "why": "The workflow did not succeed: failure."},
    )
    assert (kept(receiver), prefect[0].asked) == ([], [])


def problem(status: int, detail: str, **more: Any) -> dict[str, Any]:
    title = HTTPStatus(status).phrase
    return {"type": "about:blank", "title": title, "status": status, "detail": detail, **more}


NOT_SIGNED = problem(401, "X-Hub-Signature-256 does not sign this body with the webhook's secret.")
GOOD = json.dumps(release()).encode()
WRONG: list[tuple[str, bytes, dict[str, str], dict[str, Any]]] = [
    ("unsigned", GOOD, {"X-Hub-Signature-256": ""}, NOT_SIGNED),
    ("signed with SHA-1", GOOD, {"X-Hub-Signature-256": f"sha1={'0' * 40}"}, NOT_SIGNED),
    ("wrongly signed", GOOD, {"X-Hub-Signature-256": f"sha256={'0' * 64}"}, NOT_SIGNED),
    ("changed", GOOD + b" ", headers(GOOD), NOT_SIGNED),
    (
        "a form",
        GOOD,
        {"Content-Type": "application/x-www-form-urlencoded"},
        problem(415, "Set the webhook's content type to application/json."),
    ),
    (
        "large",
        b"x" * 2049,
        {},
        problem(413, "The body has more than 2048 bytes ([dispatch] body_limit)."),
    ),
    ("no JSON", b"{", {}, problem(422, "The body is not JSON.")),
    (
        "no delivery",
        b"{}",
        {},
        problem(
            422,
            "The body is not what GitHub sends for this event.",
            errors=[f"{name}: field required" for name in ("action", "repository", "sender")],
        ),
    ),
    (
        "without an event",
        GOOD,
        {"X-GitHub-Event": ""},
        problem(422, "X-GitHub-Event has to name an event."),
    ),
    (
        "without a GUID",
        GOOD,
        {"X-GitHub-Delivery": "1"},
        problem(422, "X-GitHub-Delivery has to be a GUID."),
    ),
    (
        "for prod",
        json.dumps(release(client_payload={"environment": "prod"})).encode(),
        {},
        problem(403, 'GitHub may not start a release to "prod" ([dispatch] environments).'),
    ),
]


def test_what_is_not_taken_is_told_as_a_problem(
    tmp_path: Path, store_url: str, prefect: Prefect
) -> None:
    with receiving(tmp_path, store_url, prefect[1], dispatch={"body_limit": 2048}) as receiver:
        for name, body, how, expected in WRONG:
            sent = {**headers(body), **how}
            answer = receiver.client.post(receiver.url, content=body, headers=sent)
            assert answer.json() == expected, name
            assert answer.status_code == expected["status"], name
            assert answer.headers["Content-Type"] == "application/problem+json", name
        assert kept(receiver) == []
        assert receiver.deliver(release()).status_code == HTTPStatus.ACCEPTED
        assert SECRET not in receiver.log.read_text()


def test_what_is_not_there_is_not_found(receiver: Running) -> None:
    base = receiver.url.removesuffix("/github")
    elsewhere = receiver.client.post(f"{base}/gitlab", content=b"{}")
    wrong_method = receiver.client.get(receiver.url)
    assert elsewhere.json() == problem(404, "GitHub delivers to POST /github.")
    assert wrong_method.json() == problem(405, "GitHub delivers to POST /github.")
    assert (elsewhere.status_code, wrong_method.headers["Allow"]) == (404, "POST")
    described = receiver.client.get(f"{base}/openapi.json").json()
    assert list(described["paths"]) == ["/github"]


def test_body_of_unknown_length_ends_at_the_limit(
    tmp_path: Path, store_url: str, prefect: Prefect
) -> None:
    def drops() -> Iterator[bytes]:
        for _ in range(30):
            yield b"x" * 100

    with receiving(tmp_path, store_url, prefect[1], dispatch={"body_limit": 2048}) as receiver:
        sent = headers(b"x" * 3000)
        answer = receiver.client.post(receiver.url, content=drops(), headers=sent)
        assert answer.status_code == 413


def test_body_that_does_not_come_is_given_up_within_ten_seconds(receiver: Running) -> None:
    place = httpx.URL(receiver.url)
    lines = [f"POST {place.path} HTTP/1.1", f"Host: {place.host}", "Content-Length: 1000"]
    lines += [f"{name}: {value}" for name, value in headers(b"").items()]
    with socket.create_connection((place.host, place.port or 80), timeout=9.5) as connection:
        connection.sendall("\r\n".join([*lines, "", "{"]).encode())
        with connection.makefile("rb") as stream:
            answer = stream.read().decode()
    head, _, body = answer.partition("\r\n\r\n")
    assert head.startswith("HTTP/1.1 408 ")
    assert json.loads(body) == problem(408, "The body did not come within 4 s.")


def test_more_than_the_rate_are_told_when_to_come_again(
    tmp_path: Path, store_url: str, prefect: Prefect
) -> None:
    with receiving(tmp_path, store_url, prefect[1], dispatch={"rate": 2}) as receiver:
        unsigned = [
            receiver.client.post(receiver.url, json=release(), headers={}) for _ in range(4)
        ]
        assert [answer.status_code for answer in unsigned] == [401, 401, 429, 429]
        signed = [receiver.deliver(release(client_payload={"reason": f"{n}"})) for n in range(3)]
        assert [answer.status_code for answer in signed] == [202, 202, 429]
        assert signed[2].headers["Retry-After"] == "30"
        assert signed[2].json() == problem(
            429, "Too many at once ([dispatch] rate). Deliver again after 30 s."
        )
        assert len(prefect[0].runs) == len(kept(receiver)) == 2


def test_both_secrets_of_a_rotation_are_right(
    tmp_path: Path, store_url: str, prefect: Prefect
) -> None:
    both = {"secrets": ["env:WEBHOOK_SECRET", "env:NEXT_SECRET"]}
    environ = {"NEXT_SECRET": "planted-next-9c1d"}
    with receiving(tmp_path, store_url, prefect[1], environ, dispatch=both) as receiver:
        codes = [
            receiver.deliver(release(client_payload={"reason": secret}), secret=secret).status_code
            for secret in (SECRET, "planted-next-9c1d", "planted-other")
        ]
    assert codes == [202, 202, 401]


# -- the branch of a workflow ------------------------------------------------------------------


def of_workflow(sha: str = SHA, branch: str = "develop") -> dict[str, Any]:
    return workflow_run(workflow_run={"head_sha": sha, "head_branch": branch})


@pytest.mark.parametrize(
    ("sha", "branch", "words"),
    [
        (sha_of("evil"), "develop", "develop, the branch of dev."),
        (LATER, "uat", "uat, the branch of uat."),
    ],
)
def test_a_tag_named_like_a_branch_starts_nothing(
    receiver: Running, prefect: Prefect, github: GitHub, sha: str, branch: str, words: str
) -> None:
    github[0].branches["uat"] = SHA
    github[0].commits.append(sha_of("evil"))
    answer = receiver.deliver(of_workflow(sha, branch), "workflow_run")
    assert answer.json() == problem(422, f"{sha[:12]} is no commit of {words}")
    (one,) = kept(receiver)
    assert (one.state, one.flow_run) == (DeliveryState.REFUSED, None)
    assert prefect[0].asked == []


def test_a_workflow_waits_while_github_cannot_say_what_its_branch_has(
    receiver: Running, prefect: Prefect, github: GitHub
) -> None:
    fake, _ = github
    fake.scripted = [refused(503, "Service unavailable")]
    waiting = receiver.deliver(of_workflow(), "workflow_run")
    assert waiting.status_code == HTTPStatus.ACCEPTED
    assert (waiting.json()["state"], waiting.json()["problem"]) == (
        "waiting",
        "GitHub says 503 Service Unavailable for Acme/shop: Service unavailable.",
    )
    wait_for(all_started(receiver), "the delivery to be started", 20)
    assert len(prefect[0].runs) == 1


def test_a_workflow_waits_for_a_token_that_is_missing(
    tmp_path: Path, store_url: str, prefect: Prefect
) -> None:
    token = {"token": "env:NO_GITHUB_TOKEN"}
    with receiving(tmp_path, store_url, prefect[1], github=token) as receiver:
        waiting = receiver.deliver(of_workflow(), "workflow_run").json()
    assert (waiting["state"], waiting["problem"]) == (
        "waiting",
        "The secret env:NO_GITHUB_TOKEN is not there: the environment variable is not set.",
    )
    assert prefect[0].asked == []


# -- when something is away --------------------------------------------------------------------


def all_started(receiver: Running) -> Callable[[], bool]:
    return lambda: all(one.state is DeliveryState.STARTED for one in kept(receiver))


def test_what_comes_while_prefect_is_away_is_started_in_order_when_it_is_back(
    receiver: Running, prefect: Prefect
) -> None:
    fake, api = prefect
    fake.away = True
    shas = [sha_of(f"v{number}") for number in range(3)]
    answers = [receiver.deliver(release(client_payload={"sha": sha})) for sha in shas]
    assert [answer.status_code for answer in answers] == [HTTPStatus.ACCEPTED] * 3
    assert [answer.json()["state"] for answer in answers] == ["waiting"] * 3
    assert answers[0].json()["problem"] == (
        f"The Prefect API at {api} does not answer as it should: "
        "Server disconnected without sending a response."
    )
    assert answers[0].json()["run"] is None
    fake.away = False
    wait_for(all_started(receiver), "the deliveries to be started", 20)
    assert [run["parameters"]["sha"] for run in fake.runs.values()] == shas
    assert receiver.deliver(release(client_payload={"sha": shas[0]})).status_code == HTTPStatus.OK


def test_deployment_that_is_missing_holds_up_its_own_environment_only(
    receiver: Running, prefect: Prefect
) -> None:
    fake, api = prefect
    missing = fake.deployments.pop("release/dev")
    waiting = receiver.deliver(release())
    assert waiting.json()["problem"] == (
        f"The Prefect API at {api} does not answer as it should: it has no deployment "
        "release/dev; make it with: prefect deploy --all."
    )
    other = receiver.deliver(release(client_payload={"environment": "uat"}))
    assert other.json()["state"] == "started"
    fake.deployments["release/dev"] = missing
    wait_for(all_started(receiver), "the delivery to be started", 20)


def test_run_that_prefect_refuses_is_refused_and_stays_so(
    receiver: Running, prefect: Prefect
) -> None:
    fake, _ = prefect
    guid = str(uuid.uuid4())
    fake.refusal = said(409, {"detail": "Validation failed for field 'sha'"})
    words = "Prefect does not take a run of release/dev: Validation failed for field 'sha'."
    for _ in range(2):
        answer = receiver.deliver(release(), guid=guid)
        assert answer.json() == problem(422, words)
    (one,) = kept(receiver)
    assert (one.state, one.problem, one.flow_run) == (DeliveryState.REFUSED, words, None)


def test_store_that_is_away_is_503_and_the_next_delivery_is_taken(
    receiver: Running, prefect: Prefect, postgres: Postgres
) -> None:
    name = sql.Identifier(str(conninfo_to_dict(receiver.store_url)["dbname"]))
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("alter database {} allow_connections false").format(name))
        connection.execute(
            "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = %s",
            (name.as_string()[1:-1],),
        )
        answer = receiver.deliver(release())
        assert answer.json() == problem(503, "The store is away. Deliver again when it is back.")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert answer.elapsed.total_seconds() < 9
        connection.execute(sql.SQL("alter database {} allow_connections true").format(name))
    wait_for(lambda: receiver.deliver(release()).status_code != 503, "the store", 30)
    wait_for(lambda: len(prefect[0].runs) == 1, "the delivery to be started", 20)


def test_store_that_is_behind_is_503_and_the_log_says_what_to_do(receiver: Running) -> None:
    with psycopg.connect(receiver.store_url, autocommit=True) as connection:
        connection.execute("alter table fairlead.delivery rename column subject to before")
        answer = receiver.deliver(release())
        connection.execute("alter table fairlead.delivery rename column before to subject")
    words = "The store is behind. Deliver again when that is mended."
    assert answer.json() == problem(503, words)
    told = receiver.log.read_text()
    assert (
        'is not that of this Fairlead: column "subject" of relation "delivery" does not exist. '
        "Run this version once as the database's owner: FAIRLEAD_STORE_URL=… fairlead status; and "
        "then deployments/postgres/roles.sql again.\n"
    ) in told
    assert "Traceback" not in told
    assert receiver.deliver(release()).status_code == HTTPStatus.ACCEPTED


def test_kill_between_answer_and_start_loses_nothing(
    tmp_path: Path, store_url: str, prefect: Prefect
) -> None:
    fake, api = prefect
    fake.away = True
    with receiving(tmp_path, store_url, api) as receiver:
        assert receiver.deliver(release()).json()["state"] == "waiting"
        receiver.process.kill()
    fake.away = False
    with receiving(tmp_path, store_url, api) as receiver:
        wait_for(all_started(receiver), "the delivery to be started", 40)
    assert len(fake.runs) == 1


# -- the command -------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly(receiver: Running, number: int) -> None:
    assert receiver.deliver(release()).status_code == HTTPStatus.ACCEPTED
    assert receiver.stop(number) == (0, "Stopped.\n")
    assert "Traceback" not in receiver.log.read_text()


def test_it_says_where_it_listens_and_what_to_set_at_github(receiver: Running) -> None:
    assert receiver.said == (
        f"Listening at {receiver.url}. Ctrl-C or SIGTERM stops it.\n"
        "GitHub, Settings, Webhooks, Add webhook (a proxy with TLS goes in front):\n"
        "  Payload URL   https://…/github\n"
        "  Content type  application/json\n"
        "  Secret        the value of env:WEBHOOK_SECRET\n"
        "  Events        repository dispatches, workflow runs, deployments\n"
        f"May start a release to: dev, uat. From: {REPOSITORY}.\n"
    )
    assert httpx.URL(receiver.url).host == "127.0.0.1"


def command(receiver: Running, *arguments: str, **environ: str) -> tuple[int, str, str]:
    known = receiver.environ
    done = subprocess.run(
        [*FAIRLEAD, *arguments],
        env={name: value for name, value in {**known, **environ}.items() if value != "unset"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


def test_what_keeps_it_from_listening_is_told(receiver: Running, tmp_path: Path) -> None:
    port = str(httpx.URL(receiver.url).port)
    assert command(receiver, "dispatch", "serve", "--port", port) == (
        3,
        "",
        f"error: Nothing can listen at 127.0.0.1:{port}: Address already in use.\n"
        "Stop what listens there, or choose another: --port\n",
    )
    assert command(receiver, "dispatch", "serve", WEBHOOK_SECRET="unset") == (
        2,
        "",
        "error: The secret env:WEBHOOK_SECRET is not there: the environment variable is not set.\n"
        "Set it where Fairlead runs, then try: fairlead check\n",
    )
    home = {"PREFECT_HOME": str(tmp_path / "prefect"), "PREFECT_API_URL": ""}
    assert command(receiver, "dispatch", "serve", **home) == (
        2,
        "",
        "error: GitHub can start nothing here: no Prefect API is configured.\n"
        "Set PREFECT_API_URL.\n",
    )
    file = Path(receiver.environ["FAIRLEAD_CONFIG"])
    without = tmp_path / "without.toml"
    without.write_text(file.read_text().partition("[dispatch]")[0])
    assert command(receiver, "--config", str(without), "dispatch", "serve") == (
        2,
        "",
        "error: GitHub can start nothing here: the config has no [dispatch].\n"
        "Add it; fairlead init writes one to start from, and then: fairlead check\n",
    )


def test_what_github_asked_for_is_listed(receiver: Running, prefect: Prefect) -> None:
    assert command(receiver, "dispatch", "deliveries") == (
        0,
        "GitHub has asked for nothing yet.\n",
        "",
    )
    answer = receiver.deliver(release())
    code, told, _ = command(receiver, "dispatch", "deliveries")
    head, line = told.splitlines()
    assert (code, head.split()) == (
        0,
        ["RECEIVED", "EVENT", "BY", "ENVIRONMENT", "SHA", "STATE", "RUN", "OR", "PROBLEM"],
    )
    assert line.split()[2:] == [
        *("repository_dispatch", "octocat", "dev", SHA[:12], "started"),
        answer.json()["run"],
    ]
    code, told, _ = command(receiver, "dispatch", "deliveries", "--json")
    (one,) = json.loads(told)
    assert (code, one["guid"], one["sha"]) == (0, answer.json()["delivery"], SHA)


def test_check_tells_whether_the_secrets_are_there(receiver: Running) -> None:
    _, told, _ = command(receiver, "check", "dev")
    assert "ok      dispatch: 1 secret; GitHub may start dev, uat\n" in told
    code, told, _ = command(receiver, "check", "dev", WEBHOOK_SECRET="unset")
    assert code == 3
    assert (
        "FAILED  dispatch: The secret env:WEBHOOK_SECRET is not there: "
        "the environment variable is not set.\n"
    ) in told
