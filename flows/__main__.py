"""Run one flow in this process: `python -m flows NAME`, its parameters as JSON on standard input.

This is how `fairlead release` runs it where no Prefect API is configured.
"""

import json
import sys
from collections.abc import Mapping
from typing import Any

from prefect import Flow
from prefect.settings import PREFECT_FLOWS_HEARTBEAT_FREQUENCY, temporary_settings

from flows.promote import promote
from flows.prune import prune
from flows.refresh_uat import refresh
from flows.release import release
from flows.rollback import rollback
from flows.watch_drift import watch_drift

FLOWS: dict[str, Flow[..., Any]] = {
    "release": release,
    "rollback": rollback,
    "promote": promote,
    "watch_drift": watch_drift,
    "prune": prune,
    "refresh": refresh,
}

# Ending the thread of Prefect's heartbeats takes a second. Who started us watches this process, and
# the store the lease.
UNWATCHED: dict[Any, Any] = {PREFECT_FLOWS_HEARTBEAT_FREQUENCY: None}


def run(name: str, parameters: Mapping[str, Any]) -> int:
    """The exit code: 0 when the flow completed."""
    with temporary_settings(updates=UNWATCHED):
        state: Any = FLOWS[name](**parameters, return_state=True)
    return 0 if state.is_completed() else 1


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], json.load(sys.stdin)))
