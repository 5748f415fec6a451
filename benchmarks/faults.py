"""What a release comes to when something goes wrong, for every step and every fault.

    .venv/bin/python -m benchmarks.faults [PYTEST OPTION…]

Runs tests/faults whole, which says what has to hold after each fault, and writes what it came to at
each step to benchmarks/results/faults.md. Takes about half an hour on two cores that do nothing
else. With options only some of it is run, and the table is printed only.
"""

import sys
from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any, cast

import docker
import pytest

from benchmarks.machine import machine, today
from tests.faults.cells import EVERYWHERE

RESULTS = Path(__file__).parent / "results" / "faults.md"
INTRODUCTION = """# Releases under faults

{today}; {machine}.
Made by `make faults`. In each cell a release is held at that step, the fault happens, and the
release goes on if it can: how it ended; how many requests had no answer, of ten a second; the
seconds from the end of its process until somebody else could have its lease. {count} cells: after
each of them what tests/faults/checking.py asks for held.{failed}
"""


class Rows:
    """A plugin of pytest: keeps what the tests note."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []
        self.failed: list[str] = []

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.failed.append(report.nodeid)
        if report.when == "call":
            self.rows += [
                cast(dict[str, Any], row) for name, row in report.user_properties if name == "row"
            ]


def main(options: Sequence[str]) -> int:
    found = Rows()
    code = pytest.main(["tests/faults", "--whole", *options], plugins=[found])
    text = report(found)
    print(text)
    if not options:
        RESULTS.write_text(text)
    return int(code)


def report(found: Rows) -> str:
    introduction = INTRODUCTION.format(
        today=today(),
        machine=machine(docker.from_env()),
        count=len(found.rows),
        failed=f" It did not in: {', '.join(found.failed)}." if found.failed else "",
    )
    return f"{introduction}\n{table(found.rows)}"


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Steps down, faults across."""
    faults = list(dict.fromkeys(row["fault"] for row in rows))
    cells = [cell for cell in chain(*EVERYWHERE) if any(row["cell"] == cell for row in rows)]
    known = {(row["cell"], row["fault"]): words(row) for row in rows}
    lines = [
        ["step", *faults],
        ["---"] * (len(faults) + 1),
        *([cell, *(known.get((cell, fault), "") for fault in faults)] for cell in cells),
    ]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def words(row: dict[str, Any]) -> str:
    return f"{row['state']}; {row['lost']}; {row['free']:.1f}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
