"""What every report says: when, on what machine, and numbers in one form."""

import datetime
import os
import statistics
from collections.abc import Sequence

import docker
import psutil


def machine(engine: docker.DockerClient) -> str:
    memory = psutil.virtual_memory().total / 2**30
    version = str(engine.version()["Version"]).partition("+")[0]
    busy = os.getloadavg()[1]
    return (
        f"{os.cpu_count()} cores (load {busy:.0f} over the last five minutes), "
        f"{memory:.0f} GB of memory, Linux, Docker {version}"
    )


def today() -> str:
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%d}"


def middle(values: Sequence[float], form: str) -> str:
    """The median, and the worst in brackets."""
    return f"{statistics.median(values):{form}} ({max(values):{form}})"
