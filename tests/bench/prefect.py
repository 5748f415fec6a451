"""A project's releases through Prefect: a work pool, deployments and a worker of one test's own."""

import importlib
import json
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from examples.stand.prefect_server import PrefectServer
from examples.stand.prefect_worker import deploy_all, ensure_work_pool, start_worker, stop_worker
from examples.stand.state import REPOSITORY, State
from tests.bench.bench import Bench

PREFECT_YAML = REPOSITORY / "prefect.yaml"


def written_yaml(path: Path = PREFECT_YAML) -> dict[str, Any]:
    yaml: Any = importlib.import_module("yaml")  # it comes with Prefect, without types
    found: dict[str, Any] = yaml.safe_load(path.read_text())
    return found


def written_deployments(path: Path = PREFECT_YAML) -> list[dict[str, Any]]:
    """What prefect.yaml says, entry by entry."""
    found: list[dict[str, Any]] = written_yaml(path)["deployments"]
    return found


@dataclass(frozen=True)
class Api:
    """The Prefect server, asked as anything outside of Prefect asks it."""

    client: httpx.Client

    def ask(self, method: str, path: str, body: Any = None, code: int | None = None) -> Any:
        answer = self.client.request(method, path, json=body)
        assert code is None or answer.status_code == code, f"{answer.status_code} {answer.text}"
        assert code is not None or answer.is_success, f"{answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def deployment(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/deployments/name/{name}")
        return found

    def start(self, deployment: str, parameters: Mapping[str, Any], **body: Any) -> str:
        """POST create_flow_run; the run's id."""
        place = f"/deployments/{self.deployment(deployment)['id']}/create_flow_run"
        return str(self.ask("POST", place, {"parameters": dict(parameters), **body})["id"])

    def run(self, id: str) -> dict[str, Any]:
        found: dict[str, Any] = self.ask("GET", f"/flow_runs/{id}")
        return found

    def ended(self, id: str, seconds: float = 90) -> dict[str, Any]:
        """The run, once its state is final."""
        final = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
        wait_for(lambda: self.run(id)["state"]["type"] in final, f"flow run {id} to end", seconds)
        return self.run(id)

    def runs(self, deployment: str) -> list[dict[str, Any]]:
        """All runs of a deployment, the oldest first."""
        id = self.deployment(deployment)["id"]
        wanted = {"deployments": {"id": {"any_": [id]}}, "sort": "START_TIME_ASC"}
        found: list[dict[str, Any]] = self.ask("POST", "/flow_runs/filter", wanted)
        return found

    def task_runs(self, id: str) -> list[dict[str, Any]]:
        """In the order in which they began."""
        wanted = {"flow_runs": {"id": {"any_": [id]}}}
        found = self.ask("POST", "/task_runs/filter", wanted)
        return sorted(found, key=lambda run: str(run["start_time"]))

    def logs(self, id: str) -> list[dict[str, Any]]:
        """The flow run's and its tasks', the oldest first."""
        found: list[dict[str, Any]] = []
        wanted = {"logs": {"flow_run_id": {"any_": [id]}}, "sort": "TIMESTAMP_ASC"}
        while page := self.ask("POST", "/logs/filter", {**wanted, "offset": len(found)}):
            found += page
        return found


@dataclass
class Stage:
    """`environment` is this test's only one, and the name of its Prefect deployments."""

    bench: Bench
    server: PrefectServer
    api: Api
    state: State
    environment: str

    @property
    def release(self) -> str:
        return f"release/{self.environment}"

    def push(self, version: str, **settings: str) -> str:
        return self.bench.push(version, environment=self.environment, **settings)

    def start_worker(self) -> None:
        kept = {
            name: value
            for name, value in self.bench.environ.items()
            if not name.startswith("PREFECT_")
        }
        start_worker(self.server, print, state=self.state, environment=kept, pool=self.environment)

    def stop_worker(self) -> None:
        stop_worker(self.state)


@contextmanager
def staged(
    bench: Bench,
    server: PrefectServer,
    folder: Path,
    config: Mapping[str, Any] | None = None,
    entries: Collection[str] = ("dev",),
    **over: Any,
) -> Iterator[Stage]:
    """The project, `config` merged into its own, with one environment, `over` merged into that,
    and the deployments of prefect.yaml with the names `entries` made for it; no worker yet."""
    name = bench.project
    environments = {"dev": None, name: bench.environment(bench.port, **over)}
    bench.configure(**{**(config or {}), "environments": environments})
    state = State(folder)
    with server.client() as client:
        stage = Stage(bench, server, Api(client), state, name)
        ensure_work_pool(server, name)
        deploy_all(_rewritten(entries, name, state.folder("deploy")), server, state=state)
        try:
            yield stage
        finally:
            stage.stop_worker()
            client.delete(f"/work_pools/{name}")


def _rewritten(entries: Collection[str], name: str, folder: Path) -> Path:
    """prefect.yaml with these entries, for the environment and work pool `name`."""
    written = [
        {
            **entry,
            "name": name,
            "tags": [name, *entry["tags"][1:]],
            "parameters": {
                key: name if key == "environment" else value
                for key, value in entry["parameters"].items()
            },
            "work_pool": {**entry["work_pool"], "name": name},
        }
        for entry in written_deployments()
        if entry["name"] in entries
    ]
    path = folder / "prefect.yaml"
    path.write_text(json.dumps({**written_yaml(), "deployments": written}))  # JSON is YAML
    return path


def wait_for(true: Callable[[], Any], what: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"waited {seconds:g} s for {what}"
        time.sleep(0.1)
