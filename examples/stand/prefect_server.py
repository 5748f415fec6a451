"""A Prefect server on this machine, on PostgreSQL, found again by a later process.

Settings: https://docs.prefect.io/v3/api-ref/settings-ref
"""

import os
import sys
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from examples.stand.errors import StandError
from examples.stand.processes import Process, recorded_process, start_process, stop_process
from examples.stand.state import Say, State, machine_lock
from examples.stand.waiting import wait_until

HOST = "127.0.0.1"
SERVER = "prefect-server"


@dataclass(frozen=True)
class PrefectServer:
    """`auth` is NAME:PASSWORD where the server wants it; it then wants tokens against request
    forgery too."""

    port: int
    auth: str = field(default="", repr=False)

    @property
    def ui_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def api_url(self) -> str:
        return f"{self.ui_url}/api"

    def client(self) -> httpx.Client:
        """For its REST API, as anything outside of Prefect asks it."""
        name, _, password = self.auth.partition(":")
        auth = (name, password) if self.auth else None
        headers = self._token(name, password) if self.auth else {}
        return httpx.Client(
            base_url=self.api_url, auth=auth, headers=headers, timeout=30, trust_env=False
        )

    def _token(self, name: str, password: str) -> dict[str, str]:
        """Prefect's headers against request forgery."""
        me = str(uuid.uuid4())
        address = f"{self.api_url}/csrf-token"
        answer = httpx.get(address, params={"client": me}, auth=(name, password), timeout=30)
        token = answer.raise_for_status().json()["token"]
        return {"Prefect-Csrf-Token": token, "Prefect-Csrf-Client": me}


def start_prefect_server(
    database_url: str, say: Say, *, port: int, state: State, auth: str = ""
) -> PrefectServer:
    """The running server; `database_url` is postgresql://…, its tables made if missing."""
    server = PrefectServer(port, auth)
    with machine_lock(f"prefect-{port}"):
        process = running_server(server, state)
        if process is None:
            say(f"Starting a Prefect server at {server.ui_url}")
            environment = server_environment(server, database_url, state)
            process = start_process(SERVER, command(port), environment=environment, state=state)
        wait_until(
            lambda: answers(server),
            what=f"the Prefect server at {server.ui_url}",
            seconds=120,
            alive=process.is_running,
            log=process.log,
        )
    return server


def running_server(server: PrefectServer, state: State) -> Process | None:
    recorded = recorded_process(SERVER, state)
    process = recorded.find() if recorded else None
    if process is not None:
        if process.cmdline()[-1] != str(server.port):
            raise StandError("a Prefect server runs already, at another port: stop it first")
        return recorded
    if answers(server):
        raise StandError(
            f"something that the stand did not start answers at {server.ui_url}: "
            "stop it, or choose another port"
        )
    return None


def stop_prefect_server(state: State) -> None:
    stop_process(SERVER, state=state, grace_seconds=10)


def command(port: int) -> list[str]:
    return [sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)]


def answers(server: PrefectServer) -> bool:
    try:
        return httpx.get(f"{server.api_url}/health", timeout=5).is_success
    except httpx.TransportError:
        return False


def server_environment(server: PrefectServer, database_url: str, state: State) -> dict[str, str]:
    return {
        **own_environment(state),
        "PREFECT_API_DATABASE_CONNECTION_URL": asyncpg_url(database_url),
        # The UI asks the API at port 4200 otherwise, whatever port the server has.
        "PREFECT_SERVER_UI_API_URL": server.api_url,
        # Leases in memory are lost with the server, and their slots then leak for good.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
        **(_guarded(server.auth) if server.auth else {}),
    }


def _guarded(auth: str) -> dict[str, str]:
    return {
        "PREFECT_SERVER_API_AUTH_STRING": auth,
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        # The server's own services ask its API too.
        "PREFECT_API_AUTH_STRING": auth,
    }


def asyncpg_url(database_url: str) -> str:
    """Prefect's server names its driver in the URL."""
    return database_url.replace("postgresql://", "postgresql+asyncpg://", 1)


def client_environment(server: PrefectServer, state: State) -> dict[str, str]:
    """What the CLI, a worker and their flows need to reach the server."""
    password = {"PREFECT_API_AUTH_STRING": server.auth} if server.auth else {}
    return {**own_environment(state), "PREFECT_API_URL": server.api_url, **password}


def own_environment(state: State) -> dict[str, str]:
    """The caller's environment without its Prefect settings: the stand has its own profile."""
    programs = str(Path(sys.executable).parent)
    return {
        **{name: value for name, value in os.environ.items() if is_kept(name)},
        "PATH": os.pathsep.join([programs, os.environ.get("PATH", os.defpath)]),
        "PREFECT_HOME": str(state.folder("prefect")),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_CLI_PROMPT": "false",
    }


def is_kept(name: str) -> bool:
    """Without compiled bytecode every start takes twice as long."""
    return not name.startswith("PREFECT_") and name != "PYTHONDONTWRITEBYTECODE"
