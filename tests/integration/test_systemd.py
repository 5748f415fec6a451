"""The systemd units: systemd understands every line of them, and finds them hardened."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from examples.stand.debian import ensure_debian_packages
from examples.stand.state import REPOSITORY
from flows.worker import PUT_BACK

UNITS = REPOSITORY / "deployments" / "systemd"
PROGRAMS = Path(sys.executable).parent
EXPOSURE = 20  # tenths; systemd says OK below 50 and calls a unit without any of it 9.6


@pytest.fixture
def units(tmp_path: Path) -> list[str]:
    """As they are, but for where the programs are: systemd wants those to exist."""
    ensure_debian_packages(["systemd"], print)
    for unit in UNITS.iterdir():
        text = unit.read_text().replace("/opt/fairlead/.venv/bin", str(PROGRAMS))
        (tmp_path / unit.name.replace("@", "@shop")).write_text(text)
    return sorted(str(path) for path in tmp_path.iterdir())


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["systemd-analyze", *arguments], capture_output=True, text=True, check=False
    )


def test_systemd_understands_every_line(units: list[str]) -> None:
    assert len(units) == 4
    done = analyze("verify", "--man=no", *units)
    assert (done.returncode, done.stderr) == (0, ""), "a misspelt key is only a warning"


def test_units_are_hardened(units: list[str]) -> None:
    for unit in units:
        done = analyze("security", "--offline=true", f"--threshold={EXPOSURE}", unit)
        assert done.returncode == 0, done.stdout


def test_systemd_waits_longer_than_the_worker_does() -> None:
    unit = (UNITS / "fairlead-worker@.service").read_text()
    (drain,) = re.findall(r"^ExecStart=.* --drain (\d+)$", unit, flags=re.MULTILINE)
    (limit,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, flags=re.MULTILINE)
    assert int(limit) > int(drain) + PUT_BACK
    assert "\nKillMode=process\n" in unit, "SIGTERM is for the worker, and not for its flows"
