"""The Docker engine: the one that answers, or one installed and started here."""

import os
import shutil
import subprocess
from pathlib import Path

import docker
from docker.errors import DockerException

from examples.stand.debian import ensure_debian_packages
from examples.stand.errors import StandError
from examples.stand.processes import start_process
from examples.stand.state import Say, State, machine_lock
from examples.stand.waiting import wait_until

SOCKET = Path("/var/run/docker.sock")
BUILD_SECONDS = 600
INSTALL_BY_HAND = (
    "install Docker (https://docs.docker.com/engine/install/) and start it, "
    "or set DOCKER_HOST to an engine of this machine"
)


def ensure_engine(say: Say) -> docker.DockerClient:
    """A client of the engine at DOCKER_HOST or the default socket.

    Without an answer there, and without DOCKER_HOST: installs docker.io where it is missing and
    starts dockerd, on Debian and Ubuntu as root; raises StandError, with what to do, elsewhere.
    """
    client = answering_engine()
    if client is not None:
        return client
    refuse_what_we_cannot_mend()
    with machine_lock("engine"):
        return answering_engine() or start_engine(say)


def answering_engine() -> docker.DockerClient | None:
    try:
        return docker.from_env(timeout=BUILD_SECONDS)
    except DockerException:
        return None


def refuse_what_we_cannot_mend() -> None:
    host = os.environ.get("DOCKER_HOST")
    if host:
        raise StandError(
            f"no Docker engine answers at DOCKER_HOST={host}; "
            "start it, or unset DOCKER_HOST to use the one of this machine"
        )
    if SOCKET.exists() and not os.access(SOCKET, os.W_OK):
        raise StandError(
            f"{SOCKET} refuses this user; run: sudo usermod -aG docker $USER, and log in again"
        )
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise StandError(f"no Docker engine answers at {SOCKET}; {INSTALL_BY_HAND}")


def start_engine(say: Say) -> docker.DockerClient:
    if shutil.which("dockerd") is None:
        say("No Docker engine here: installing docker.io")
        ensure_debian_packages(["docker.io", "ca-certificates"], say)
    if not started_by_its_package():
        start_dockerd(say)
    client = answering_engine()
    if client is None:
        raise StandError(f"the Docker engine stopped answering; {INSTALL_BY_HAND}")
    return client


def started_by_its_package() -> bool:
    """Where systemd runs, the engine belongs to it."""
    if not Path("/run/systemd/system").exists():
        return False
    return subprocess.call(["systemctl", "start", "docker"]) == 0


def start_dockerd(say: Say) -> None:
    state = State.from_environment()
    log = state.log("dockerd")
    say(f"Starting dockerd; it writes to {log}")
    process = start_process("dockerd", ["dockerd"], environment=dict(os.environ), state=state)
    wait_until(
        lambda: answering_engine() is not None,
        what="dockerd",
        seconds=60,
        alive=process.is_running,
        log=process.log,
    )
