"""What proving a backup costs: ours, proven and recorded, against plain pg_dump -Fd -j2.

    .venv/bin/python -m benchmarks.backup [MEGABYTES]

One database of about that size (1,000 without), on the embedded PostgreSQL 18, saved in turn by
each way, three times. Prints a table and writes it to benchmarks/results/backup.md.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median

import psutil

from benchmarks.machine import middle, today
from fairlead.database.backup.process import libpq_environ
from fairlead.model import Backup, size
from fairlead.saving import save
from fairlead.store import Store, embedded
from tests.bench.saved import PROGRAMS, Saved, database_on

RESULTS = Path(__file__).parent / "results" / "backup.md"
ROUNDS = 3
# A table of a shop: numbers, moments, short texts, two of them long; and an index of each kind.
FILL = """
create table item as select i as id, i % 1000 as shop, now() - i * interval '1 s' as made,
  md5(i::text) as code, (i * 7919 % 100000)::numeric / 100 as price,
  repeat('veal, beef and ', (i % 9)::int) || md5((i * 31)::text) as note
from generate_series(1, {rows}) i;
alter table item add primary key (id);
create index on item (shop, made);
create index on item (code);
create table line as select * from item where id % 2 = 0;
create table part as select * from item where id % 3 = 0;
"""
ROWS_OF_A_MEGABYTE = 2100


def main(megabytes: int) -> None:
    with ExitStack() as stack:
        saved = stack.enter_context(database(megabytes))
        whole = saved.execute("select pg_database_size(current_database())")[0][0]
        times: dict[str, list[float]] = {}
        last: dict[str, int | None] = {}
        for at in range(ROUNDS):
            for name, way in WAYS.items():
                began = time.monotonic()
                last[name] = way(saved)
                times.setdefault(name, []).append(time.monotonic() - began)
                print(f"round {at + 1}, {name}: {times[name][-1]:.1f} s", flush=True)
    report(int(whole), times, last)


@contextmanager
def database(megabytes: int) -> Iterator[Saved]:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        os.environ["FAIRLEAD_HOME"] = str(folder / "home")
        server = embedded.start(folder / "data")
        try:
            with database_on(server) as url, database_on(server) as store:
                Store(store).database.ready()
                saved = Saved(store, url, folder)
                saved.execute(FILL.format(rows=megabytes * ROWS_OF_A_MEGABYTE))
                saved.execute("vacuum analyze")
                saved.execute("checkpoint")
                yield saved
        finally:
            embedded.stop(folder / "data")


def plain(*options: str) -> Callable[[Saved], int]:
    def way(saved: Saved) -> int:
        folder = saved.folder / "plain"
        shutil.rmtree(folder, ignore_errors=True)
        command = [str(PROGRAMS / "pg_dump"), "-Fd", "-j2", *options, "-f", str(folder)]
        environ = libpq_environ(saved.url, name="benchmark", inherited=os.environ)
        subprocess.run(command, env=environ, check=True)
        return sum(path.stat().st_size for path in folder.iterdir())

    return way


def ours(*, drill: bool) -> Callable[[Saved], int | None]:
    def way(saved: Saved) -> int | None:
        saved.backup = {"drill": drill, "keep": 1}
        with saved.project() as project:
            made: Backup = save(project, "dev", made_by="benchmark", say=lambda _: None)
        return made.bytes

    return way


WAYS: dict[str, Callable[[Saved], int | None]] = {
    "pg_dump -Fd -j2": plain(),
    "pg_dump -Fd -j2 -Z1": plain("-Z1"),
    "ours: dump, contents, SHA-256, decoded": ours(drill=False),
    "ours with drill: restored and compared too": ours(drill=True),
}


def report(whole: int, times: dict[str, list[float]], last: dict[str, int | None]) -> None:
    base = median(times["pg_dump -Fd -j2"])
    memory = psutil.virtual_memory().total / 2**30
    lines = [
        "# What proving a backup costs",
        "",
        f"{today()}, {os.cpu_count()} cores (load {os.getloadavg()[1]:.0f}), {memory:.0f} GB, "
        f"PostgreSQL 18 on the same machine, a database of {size(whole)}, {ROUNDS} rounds in turn. "
        "Seconds: median (worst). `python -m benchmarks.backup`",
        "",
        "| way | seconds | of plain | size |",
        "|---|---|---|---|",
        *(
            f"| {name} | {middle(taken, '.1f')} | {median(taken) / base:.2f} | "
            f"{size(last[name] or 0)} |"
            for name, taken in times.items()
        ),
        "",
    ]
    print("\n".join(lines))
    RESULTS.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
