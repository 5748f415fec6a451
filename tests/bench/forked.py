"""What a forked process of a test does: one flow, as `python -m flows` runs it."""

import os
import sys
from collections.abc import Mapping
from typing import Any

from prefect.settings import (
    PREFECT_API_URL,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)

from flows.running import run


def run_flow(environ: Mapping[str, str], name: str, parameters: dict[str, Any], log: str) -> None:
    """Ends the process with 0 when the flow completed, with 1 otherwise."""
    os.environ.clear()
    os.environ.update(environ)
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for stream in (1, 2):
        os.dup2(output, stream)
    settings: dict[Any, Any] = {
        PREFECT_API_URL: environ["PREFECT_API_URL"],
        PREFECT_LOGGING_TO_API_ENABLED: False,  # its output goes to a file of the test's
    }
    with temporary_settings(updates=settings):
        sys.exit(run(name, parameters))
