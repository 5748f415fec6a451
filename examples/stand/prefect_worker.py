"""The work pool, a process worker for it, and the deployments of prefect.yaml."""

import subprocess
import sys
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

import httpx
from prefect.workers.process import ProcessWorker

from examples.stand.errors import StandError
from examples.stand.prefect_server import PrefectServer, client_environment
from examples.stand.processes import recorded_process, start_process, stop_process
from examples.stand.state import Say, State, machine_lock
from examples.stand.waiting import wait_until

POOL = "fairlead"
WORKER = "prefect-worker"


def ensure_work_pool(server: PrefectServer, pool: str = POOL) -> None:
    """The work pool with Prefect's own base job template, made or brought up to date."""
    template = ProcessWorker.get_default_base_job_template()
    wanted = {"name": pool, "type": "process", "base_job_template": template}
    with server.client() as client:
        answer = client.post("/work_pools/", json=wanted)
        if answer.status_code == httpx.codes.CONFLICT:
            answer = client.patch(f"/work_pools/{pool}", json={"base_job_template": template})
    if answer.is_error:
        raise StandError(
            f"the Prefect server refused work pool {pool}: {answer.status_code} {answer.text}"
        )


def start_worker(
    server: PrefectServer,
    say: Say,
    *,
    state: State,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    pool: str = POOL,
) -> None:
    """A running worker of the pool, ready to take runs.

    Its flows get `environment` on top of the stand's own.
    """
    with machine_lock("prefect-worker"):
        process = recorded_process(WORKER, state)
        if process is None or not process.is_running():
            say(f"Starting a Prefect worker for work pool {pool}")
            process = start_process(
                WORKER,
                worker_command(pool),
                environment=worker_environment(server, state, environment or {}),
                state=state,
                folder=folder,
            )
        wait_until(
            lambda: is_polling(server, pool, since=process.created),
            what="the Prefect worker",
            seconds=60,
            alive=process.is_running,
            log=process.log,
        )


def worker_command(pool: str = POOL) -> list[str]:
    return [sys.executable, "-m", "fairlead", "worker", pool, "--name", WORKER]


def worker_environment(
    server: PrefectServer, state: State, extra: Mapping[str, str]
) -> dict[str, str]:
    return {
        **client_environment(server, state),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        **extra,
    }


def is_polling(server: PrefectServer, pool: str, since: float) -> bool:
    """Whether it was heard since then: the server takes a dead worker for alive for a while."""
    with server.client() as client:
        answer = client.post(f"/work_pools/{pool}/workers/filter", json={})
    workers = answer.json() if answer.is_success else []
    return any(worker["name"] == WORKER and last_heard(worker) > since for worker in workers)


def last_heard(worker: Mapping[str, str]) -> float:
    """In seconds since the epoch."""
    return datetime.fromisoformat(worker["last_heartbeat_time"]).timestamp()


def stop_worker(state: State) -> None:
    """It waits for the flows it runs, 15 s; then they are killed: let them end first."""
    stop_process(WORKER, state=state, grace_seconds=15)


def deploy_all(
    prefect_yaml: Path,
    server: PrefectServer,
    *,
    state: State,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Deploys everything in prefect.yaml; returns what Prefect said about it.

    `environment` is for the variables that prefect.yaml names.
    """
    answer = subprocess.run(
        deploy_command(prefect_yaml),
        cwd=prefect_yaml.parent,
        env={**client_environment(server, state), **(environment or {})},
        capture_output=True,
        text=True,
        check=False,
    )
    said = answer.stdout + answer.stderr
    if answer.returncode != 0:
        raise StandError(f"prefect deploy --all of {prefect_yaml} failed:\n{said}")
    return said


def deploy_command(prefect_yaml: Path) -> list[str]:
    deploy = ["deploy", "--all", "--prefect-file", str(prefect_yaml)]
    return [sys.executable, "-m", "prefect", "--no-prompt", *deploy]
