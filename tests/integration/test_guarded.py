"""A Prefect server with a password and tokens against request forgery: all of it works with it."""

import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from prefect.client.orchestration import get_client
from prefect.events.schemas.automations import AutomationCore
from prefect.settings import PREFECT_API_AUTH_STRING, PREFECT_API_URL, temporary_settings

from examples.stand.postgres import Postgres, create_database
from examples.stand.prefect_server import (
    PrefectServer,
    client_environment,
    start_prefect_server,
    stop_prefect_server,
)
from examples.stand.prefect_worker import WORKER
from examples.stand.processes import recorded_process
from examples.stand.state import State
from fairlead.model import ReleaseState, StepName
from flows.automations import dead_runs, ensure
from tests.bench.bench import Bench, free_port, sha_of
from tests.bench.dying import gates, until
from tests.bench.github import REPOSITORY, SECRET, receiving, release
from tests.bench.prefect import Stage, staged

AUTH = "fairlead:planted-prefect-7f3a91"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> State:
    return State(tmp_path_factory.mktemp("guarded"))


@pytest.fixture(scope="module")
def guarded(postgres: Postgres, home: State) -> Iterator[PrefectServer]:
    name = f"guarded_{uuid.uuid4().hex[:8]}"
    database = create_database(postgres, name, role="prefect", password="prefect")
    yield start_prefect_server(database, print, port=free_port(), state=home, auth=AUTH)
    stop_prefect_server(home)


@pytest.fixture
def stage(bench: Bench, guarded: PrefectServer, home: State, tmp_path: Path) -> Iterator[Stage]:
    """`prefect deploy` has been run when the test begins."""
    bench.environ |= client_environment(guarded, home)
    rules = {
        "secrets": ["env:WEBHOOK_SECRET"],
        "repositories": [REPOSITORY],
        "environments": [bench.project],
    }
    with staged(bench, guarded, tmp_path / "stage", {"dispatch": rules}) as made:
        yield made


def test_everything_works_with_the_password_and_nothing_without(stage: Stage) -> None:
    bench, name = stage.bench, stage.environment
    refused_without_password(stage)
    stage.start_worker()
    done = bench.fairlead("release", name, stage.push("v1"))
    assert "succeeded" in done.stdout.splitlines()[-1]
    assert bench.history(name)[0].requested_via == "prefect"
    receiver_starts(stage, stage.push("v2"))
    assert bench.serves() == "v2"
    approved(stage, stage.push("v3"))
    assert bench.serves() == "v3"
    assert AUTH.partition(":")[2] not in str(stage.api.logs(stage.api.runs(stage.release)[0]["id"]))


def refused_without_password(stage: Stage) -> None:
    api = stage.server.api_url
    assert httpx.get(f"{api}/health").status_code == 200
    pool = f"{api}/work_pools/{stage.environment}"
    for auth in (None, ("fairlead", "guessed")):
        assert httpx.get(pool, auth=auth).status_code == 401
    name, _, password = AUTH.partition(":")
    assert httpx.get(pool, auth=(name, password)).status_code == 200
    forged = httpx.post(f"{api}/flow_runs/filter", json={}, auth=(name, password))
    assert (forged.status_code, forged.json()["detail"]) == (403, "Missing CSRF token.")
    for command in (["release", stage.environment, sha_of("v1")], ["worker", stage.environment]):
        done = stage.bench.fairlead(*command, PREFECT_API_AUTH_STRING="", code=3)
        assert f"The Prefect API at {api} does not answer as it should: " in done.stderr
        assert "401" in done.stderr


def receiver_starts(stage: Stage, sha: str) -> None:
    bench = stage.bench
    told = release(client_payload={"environment": stage.environment, "sha": sha})
    environ = {**bench.environ, "WEBHOOK_SECRET": SECRET}
    with receiving(bench.folder, bench.store_url, stage.server.api_url, environ) as receiver:
        answer = receiver.deliver(told)
    assert answer.status_code == 202, answer.text
    assert stage.api.ended(answer.json()["run"])["state"]["name"] == "Completed"
    assert bench.history(stage.environment)[0].requested_via == "github"


def approved(stage: Stage, sha: str) -> None:
    bench, name = stage.bench, stage.environment
    bench.configure(environments={"dev": None, name: bench.environment(bench.port, approval=True)})
    run = stage.api.start(stage.release, {"sha": sha, "requested_by": "alice"})
    until(lambda: stage.api.run(run)["state"]["name"] == "Suspended", "it waits for approval")
    waiting = bench.history(name)[0]
    assert waiting.state is ReleaseState.WAITING
    bench.fairlead("approve", str(waiting.id))
    assert stage.api.ended(run)["state"]["name"] == "Completed"


# -- what it does by itself --------------------------------------------------------------------


def test_run_of_which_everything_was_killed_is_marked(stage: Stage, home: State) -> None:
    with gates(stage.bench) as gate:
        gate.after(StepName.DEPLOY, stage.environment)
        stage.start_worker()
        until(lambda: automations(stage), "the worker has made the automation")
        (made,) = automations(stage)
        assert made["trigger"]["within"] == 120.0
        assert ensured(stage, dead_runs()) == made, "it is left alone when it is as it should be"
        short = ensured(stage, dead_runs(timedelta(seconds=10)))
        assert (short["id"], short["trigger"]["within"]) == (made["id"], 10.0)
        run = stage.api.start(stage.release, {"sha": stage.push("v1")})
        until(gate.waiting, "the release is held in the middle")
        killed = recorded_process(WORKER, stage.state)
        assert killed is not None
        worker = killed.find()
        assert worker is not None
        for process in [worker, *worker.children(recursive=True)]:
            process.kill()
        ended = stage.api.ended(run)
        gate.drop_waiting()
        gate.open()
    assert (ended["state"]["name"], ended["state"]["message"]) == (
        "Crashed",
        "Its process has been silent for 10 s.",
    )


def automations(stage: Stage) -> list[dict[str, Any]]:
    wanted = {"automations": {"name": {"any_": ["fairlead: dead runs"]}}}
    found: list[dict[str, Any]] = stage.api.ask("POST", "/automations/filter", wanted)
    return found


def ensured(stage: Stage, automation: AutomationCore) -> dict[str, Any]:
    """What the server has, once the automation is ensured."""

    async def act() -> None:
        async with get_client() as client:
            await ensure(client, automation)

    api: dict[Any, Any] = {
        PREFECT_API_URL: stage.server.api_url,
        PREFECT_API_AUTH_STRING: stage.server.auth,
    }
    with temporary_settings(updates=api):
        anyio.run(act)
    (only,) = automations(stage)
    return only
