"""Whether the rate limit of a refresh holds, and what the relay that keeps it costs.

    .venv/bin/python -m benchmarks.rate [MEGABYTES]

pg_dump -Fd -j2 -Z0 of one database of about that size (100 without) on the embedded PostgreSQL 18,
in turn as it is, with `rate_mb = 0`, through a relay that lets everything through, and limited to 5
and 20 MB/s; three times. What is counted is what pg_dump has written, which
is what it has read without the few bytes of protocol around each row. Prints a table and writes it
to benchmarks/results/rate.md.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

from benchmarks.machine import middle, today
from benchmarks.masking import server
from fairlead.database.backup.dump import bytes_in
from fairlead.database.backup.process import libpq_environ
from fairlead.database.refresh.rate import limited
from fairlead.model import size
from tests.bench.masked import copy_on
from tests.bench.saved import PROGRAMS

RESULTS = Path(__file__).parent / "results" / "rate.md"
ROUNDS = 3
FILL = """
create table item as select i as id, md5(i::text) as code, repeat('veal, beef ', 12) as note
from generate_series(1, {rows}) i;
create table line as select * from item
"""
ROWS_OF_A_MEGABYTE = 2900
OPEN = 1e6  # MB/s that nothing reaches
LIMITS = (5, 20)
WAYS: dict[str, float | None] = {
    "pg_dump as it is": None,
    "rate_mb = 0": 0,
    "through the relay, without a limit": OPEN,
    **{f"rate_mb = {limit}": limit for limit in LIMITS},
}


def main(megabytes: int) -> None:
    rates: dict[str, list[float]] = {}
    with server() as url, copy_on(url, FILL.format(rows=megabytes * ROWS_OF_A_MEGABYTE)) as source:
        source.run("vacuum analyze")
        for at in range(ROUNDS):
            for name, limit in WAYS.items():
                rates.setdefault(name, []).append(dumped(source.url, limit))
                print(f"round {at + 1}, {name}: {rates[name][-1]:.2f} MB/s", flush=True)
        ((whole,),) = source.run("select pg_database_size(current_database())")
    report(int(whole), rates)


def dumped(url: str, limit: float | None) -> float:
    """MB (10**6 bytes) a second."""
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "dump"
        began = time.monotonic()
        if limit is None:
            pg_dump(url, folder)
        else:
            with limited(url, limit) as conninfo:
                pg_dump(conninfo, folder)
        took = time.monotonic() - began
        rate = bytes_in(folder) / 1e6 / took
        shutil.rmtree(folder)
    return rate


def pg_dump(url: str, folder: Path) -> None:
    command = [str(PROGRAMS / "pg_dump"), "-Fd", "-j2", "-Z0", "-f", str(folder)]
    environ = libpq_environ(url, name="benchmark", inherited=os.environ)
    subprocess.run(command, env=environ, check=True)


def report(whole: int, rates: dict[str, list[float]]) -> None:
    memory = psutil.virtual_memory().total / 2**30
    lines = [
        "# What the rate limit of a refresh lets through",
        "",
        f"{today()}, {os.cpu_count()} cores (load {os.getloadavg()[1]:.0f}), {memory:.0f} GB, "
        f"PostgreSQL 18 on the same machine, over a Unix socket, a database of {size(whole)}, "
        f"pg_dump -Fd -j2 -Z0, {ROUNDS} rounds in turn. MB/s: median (most). "
        "`python -m benchmarks.rate`",
        "",
        "| way | MB/s |",
        "|---|---|",
        *(f"| {name} | {middle(taken, '.2f')} |" for name, taken in rates.items()),
        "",
    ]
    print("\n".join(lines))
    RESULTS.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100)
