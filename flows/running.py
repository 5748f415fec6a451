"""Run one flow in this process, at the configured Prefect API or at one of its own."""

import gc
import json
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import httpx
from prefect import Flow
from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_FLOWS_HEARTBEAT_FREQUENCY,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE,
    PREFECT_SERVER_ANALYTICS_ENABLED,
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS,
    temporary_settings,
)

# Only the one that is run is imported.
FLOWS = {
    "release": "flows.release",
    "rollback": "flows.rollback",
    "promote": "flows.promote",
    "watch_drift": "flows.watch_drift",
    "prune": "flows.prune",
    "refresh": "flows.refresh_uat",
}

# Ending the thread of Prefect's heartbeats takes a second. Who started us watches this process, and
# the store the lease.
UNWATCHED: dict[Any, Any] = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}
# A release is possible when no API is configured or the configured one is away.
OWN_API: dict[Any, Any] = {
    PREFECT_API_URL: None,
    PREFECT_SERVER_ALLOW_EPHEMERAL_MODE: True,
    PREFECT_SERVER_ANALYTICS_ENABLED: False,
    # The first time it makes its database, which takes 20 s on a small machine: its usual limit.
    PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS: 180,
}


def run(name: str, parameters: Mapping[str, Any], settings: Mapping[Any, Any] = {}) -> int:
    """The exit code: 0 when the flow completed."""
    flow: Flow[..., Any] = getattr(import_module(FLOWS[name]), name)
    with temporary_settings(updates={**UNWATCHED, **settings}):
        state: Any = flow(**parameters, return_state=True)
    return 0 if state.is_completed() else 1


def _answers() -> bool:
    """Whether a configured API does."""
    api = PREFECT_API_URL.value()
    try:
        return bool(api) and httpx.get(f"{api}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


def main(name: str) -> int:
    """The exit code, for parameters that come as JSON on standard input."""
    import_module(FLOWS[name])  # while whoever started us finds out what to give us
    gc.freeze()  # nothing of it is garbage
    gc.enable()
    return run(name, json.load(sys.stdin), {} if _answers() else OWN_API)
