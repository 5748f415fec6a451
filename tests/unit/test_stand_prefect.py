"""Prefect on this machine: what its server, worker and CLI are started with."""

import sys
from pathlib import Path

import pytest

from examples.stand.prefect_server import PrefectServer, command, server_environment
from examples.stand.prefect_worker import (
    deploy_command,
    worker_command,
    worker_environment,
)
from examples.stand.state import State

SERVER = PrefectServer(4280)


def prefect_settings(environment: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith("PREFECT_")}


def test_server_is_told_where_everything_is(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PREFECT_API_URL", "http://elsewhere/api")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    environment = server_environment(SERVER, "postgresql://p@h/prefect", State(tmp_path))
    assert prefect_settings(environment) == {
        "PREFECT_API_DATABASE_CONNECTION_URL": "postgresql+asyncpg://p@h/prefect",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
        "PREFECT_SERVER_UI_API_URL": "http://127.0.0.1:4280/api",
    }
    assert "PYTHONDONTWRITEBYTECODE" not in environment
    assert environment["PATH"].startswith(str(Path(sys.executable).parent))


def test_worker_asks_the_server_every_second(tmp_path: Path) -> None:
    environment = worker_environment(SERVER, State(tmp_path), {"SHOP": "yes"})
    assert environment["SHOP"] == "yes"
    assert prefect_settings(environment) == {
        "PREFECT_API_URL": "http://127.0.0.1:4280/api",
        "PREFECT_CLI_PROMPT": "false",
        "PREFECT_HOME": str(tmp_path / "prefect"),
        "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_WORKER_QUERY_SECONDS": "1",
    }


def test_commands_are_run_by_the_interpreter_of_this_environment() -> None:
    prefect = [sys.executable, "-m", "prefect"]
    assert command(4280) == [
        *prefect,
        *("server", "start", "--host", "127.0.0.1", "--port", "4280"),
    ]
    assert worker_command() == [
        *(sys.executable, "-m", "fairlead"),
        *("worker", "fairlead", "--name", "prefect-worker"),
    ]
    assert deploy_command(Path("/repo/prefect.yaml")) == [
        *prefect,
        *("--no-prompt", "deploy", "--all", "--prefect-file", "/repo/prefect.yaml"),
    ]
