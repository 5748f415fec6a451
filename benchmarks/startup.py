"""How long the command takes to start.

    .venv/bin/python -m benchmarks.startup

Each is a process of its own, in turns; what only Python takes is beside it. Prints a table and
writes it to benchmarks/results/startup.md, with the modules that take longest to import.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import tomli_w

from benchmarks.history import CONFIG
from benchmarks.machine import middle, today
from fairlead.store import embedded

RESULTS = Path(__file__).parent / "results" / "startup.md"
ROUNDS = 21
OURS = [str(Path(sys.executable).with_name("fairlead"))]
COMMANDS: Mapping[str, Sequence[str]] = {
    "`python -c pass`": [sys.executable, "-c", "pass"],
    "`fairlead --help`": [*OURS, "--help"],
    "`fairlead release --help`": [*OURS, "release", "--help"],
    "`fairlead status`": [*OURS, "status"],
}
TOOK = re.compile(r"import time: +\d+ \| +(\d+) \| ( *)(\S+)")


def main() -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "fairlead.toml").write_text(tomli_w.dumps(CONFIG))
        url = embedded.start(folder / "data")
        try:
            environ = {
                **os.environ,
                "FAIRLEAD_STORE_URL": url,
                "FAIRLEAD_CONFIG": str(folder / "fairlead.toml"),
            }
            found = measure(environ)
            slow = {name: slowest(COMMANDS[name], environ) for name in list(COMMANDS)[1:]}
        finally:
            embedded.stop(folder / "data")
    text = "\n".join(report(found, slow))
    print(text)
    RESULTS.write_text(text, encoding="utf-8")


def measure(environ: Mapping[str, str]) -> Mapping[str, list[float]]:
    found: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for at in range(ROUNDS + 1):
        for name, command in COMMANDS.items():
            began = time.monotonic()
            subprocess.run(command, env=environ, check=True, stdout=subprocess.DEVNULL)
            if at:  # the first brings the files into memory
                found[name].append(time.monotonic() - began)
    return found


def slowest(command: Sequence[str], environ: Mapping[str, str], most: int = 8) -> list[str]:
    """The packages whose import took longest, each with all that it brings along."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        env=environ,
        check=True,
        capture_output=True,
        text=True,
    ).stderr
    taken: dict[str, float] = {}
    for total, _, name in TOOK.findall(told):
        package = name.partition(".")[0]
        taken[package] = max(taken.get(package, 0), int(total) / 1000)
    worst = sorted(taken.items(), key=lambda one: -one[1])[:most]
    return [f"{name} {milliseconds:.0f}" for name, milliseconds in worst]


def report(found: Mapping[str, Sequence[float]], slow: Mapping[str, Sequence[str]]) -> list[str]:
    memory = psutil.virtual_memory().total / 2**30
    least = statistics.median(found["`python -c pass`"])
    return [
        "# How long the command takes to start",
        "",
        f"{today()}, {os.cpu_count()} cores (load {os.getloadavg()[1]:.0f}), {memory:.0f} GB, "
        f"Python {sys.version.split()[0]}; an empty store on the same machine. Seconds, {ROUNDS} "
        "times in turns: median (worst). `python -m benchmarks.startup`",
        "",
        "| | seconds | more than Python alone |",
        "|---|---|---|",
        *(
            f"| {name} | {middle(taken, '.3f')} | {statistics.median(taken) - least:.3f} |"
            for name, taken in found.items()
        ),
        "",
        "Milliseconds of the packages that take longest to import, each with what it imports, "
        "slower for being watched:",
        "",
        *(f"- {name}: {', '.join(packages)}" for name, packages in slow.items()),
        "",
    ]


if __name__ == "__main__":
    main()
