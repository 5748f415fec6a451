"""Packages of Debian and Ubuntu that the stand needs on the machine itself."""

import os
import shutil
import subprocess
from collections.abc import Sequence

from examples.stand.errors import StandError
from examples.stand.state import Say, State, last_lines, machine_lock


def ensure_debian_packages(names: Sequence[str], say: Say) -> None:
    """Installs those of the packages that are missing.

    Raises StandError where that is impossible: not Debian or Ubuntu, not root, or apt-get failed.
    """
    with machine_lock("debian"):
        missing = missing_packages(names)
        if not missing:
            return
        wanted = " ".join(missing)
        if os.geteuid() != 0:
            raise StandError(f"missing: {wanted}; run: sudo apt-get install {wanted}")
        say(f"Installing Debian packages: {wanted}")
        apt_get("update", "-q")
        apt_get("install", "-q", "-y", "--no-install-recommends", *missing)


def missing_packages(names: Sequence[str]) -> list[str]:
    if shutil.which("dpkg-query") is None or shutil.which("apt-get") is None:
        raise StandError(
            f"needed on this machine: {', '.join(names)}; they are installed by the stand on "
            "Debian and Ubuntu only: install what corresponds to them by hand"
        )
    return [name for name in names if not is_installed(name)]


def is_installed(name: str) -> bool:
    query = ["dpkg-query", "--show", "--showformat=${db:Status-Status}", name]
    answer = subprocess.run(query, capture_output=True, text=True, check=False)
    return answer.stdout == "installed"


def apt_get(*arguments: str) -> None:
    """Runs apt-get, waiting for another one that holds its lock; its output goes to a log file."""
    log = State.from_environment().log("apt-get")
    command = ["apt-get", "-o", "DPkg::Lock::Timeout=300", *arguments]
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with log.open("a") as file:
        code = subprocess.call(command, stdout=file, stderr=file, env=environment)
    if code != 0:
        raise StandError(
            f"{' '.join(command)} ended with {code}; its last lines:\n{last_lines(log)}"
        )
