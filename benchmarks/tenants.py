"""How long it takes to bring tenants to a release, for several ways to do it.

    .venv/bin/python -m benchmarks.tenants [--sizes 100,300,1000] [--at-head 5000] [--rounds 3]
        [--slow-rounds 1] [--up-to stock=300 --up-to multiprocessing=300]

The ways are django-tenants' own command, its multiprocessing executor (2), Fairlead's program for
the inside with 2 connections, and the SQL alone, by two psql. Each run is on a fresh copy of the
same database, the ways in turns. `--up-to` leaves a way out where there are more tenants: the time
of the stock command grows with their square. Writes benchmarks/results/tenants.md and a plot beside
it after each size, so that a run that is stopped loses no more than the size it was at.
"""

import argparse
import os
import re
import statistics
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import docker

from benchmarks.bars import bars
from benchmarks.machine import machine, today
from benchmarks.memory import Memory
from examples.stand.containers import stop_service
from examples.stand.engine import ensure_engine
from examples.stand.images import ensure_images
from examples.stand.postgres import Postgres, start_postgres
from examples.stand.state import State
from tests.bench.many import (
    Many,
    copy_database,
    interpreter,
    make_origin,
    make_tenants,
    program,
    project,
)

RESULTS = Path(__file__).parent / "results" / "tenants.md"
STOCK, POOL, OURS, PSQL = WAYS = ("stock", "multiprocessing", "fairlead", "psql")
SHOWN = {
    STOCK: "stock",
    POOL: "its multiprocessing, 2 processes",
    OURS: "Fairlead, 2 connections",
    PSQL: "psql, 2 processes",
}
PERMISSIONS = """
insert into django_content_type (app_label, model) values ('shop', 'review');
insert into auth_permission (name, content_type_id, codename)
select 'Can ' || may || ' review', id, may || '_review'
from django_content_type, unnest(array['add', 'change', 'delete', 'view']) may
where app_label = 'shop' and model = 'review';"""
SCHEMA = ["0001", "0002", "0003", "0004"]
CASES = {
    "nothing pending": SCHEMA,
    "3 schema migrations": SCHEMA,
    "the 3 and a RunPython": [*SCHEMA, "0005"],
}
HEAD = (
    "| | | seconds | worst | runs | × Fairlead | × psql | MB |\n|---|---|---|---|---|---|---|---|"
)


@dataclass
class Found:
    """Seconds of each run, and the most memory in MB, by size, case and way."""

    seconds: dict[tuple[int, str, str], list[float]] = field(default_factory=dict)
    memory: dict[tuple[int, str, str], float] = field(default_factory=dict)

    def run(self, size: int, case: str, way: str, work: Callable[[], object]) -> None:
        with Memory() as memory:
            begun = time.monotonic()
            work()
            taken = time.monotonic() - begun
        key = (size, case, way)
        self.seconds.setdefault(key, []).append(taken)
        self.memory[key] = max(memory.peak, self.memory.get(key, 0))
        print(*key, f"{taken:.2f} s, {memory.peak:.0f} MB", flush=True)

    def middle(self, size: int, case: str, way: str) -> float | None:
        found = self.seconds.get((size, case, way))
        return statistics.median(found) if found else None


class Bench:
    """One server and the databases on it; `base-N` has N tenants before the release."""

    def __init__(self, server: Postgres, folder: Path) -> None:
        self.server, self.folder = server, folder
        self.python = interpreter("5.2")

    def base(self, size: int) -> str:
        name = f"base_{size}"
        url = copy_database(self.server.url(), "template1", name)
        make_origin(Many(self.python, self.copy(["0001"]), url))
        make_tenants(url, [f"t{at:04}" for at in range(1, size)])
        return name

    def at_head(self, size: int) -> str:
        many = self.fresh(f"base_{size}", SCHEMA, f"head_{size}")
        assert many.ours(parallel=2).code == 0
        return f"head_{size}"

    def copy(self, migrations: Sequence[str]) -> Path:
        folder = self.folder / "-".join(migrations)
        return folder if folder.exists() else project(folder, {"shop": migrations})

    def fresh(self, template: str, migrations: Sequence[str], name: str = "timed") -> Many:
        url = copy_database(self.server.url(), template, name)
        return Many(self.python, self.copy(migrations), url)

    def ways(self, size: int) -> Mapping[str, Callable[[Many], object]]:
        return {
            STOCK: lambda many: many.manage("migrate_schemas", "--noinput"),
            POOL: lambda many: many.manage("migrate_schemas", "--executor=multiprocessing"),
            OURS: self.ours,
            PSQL: lambda many: self._psql(many, size),
        }

    def ours(self, many: Many) -> None:
        run = many.ours(parallel=2)
        assert run.code == 0, run.output

    def script(self, size: int) -> list[Path]:
        """All that the release leaves in each tenant, a file for each of two psql."""
        many = self.fresh(f"base_{size}", SCHEMA, "told")
        numbers = ["0002", "0003", "0004"]
        parts = [*(self._sql(many, number) for number in numbers), PERMISSIONS]
        files = [self.folder / f"half-{half}.sql" for half in (0, 1)]
        tenants = ["origin", *(f"t{at:04}" for at in range(1, size))]
        for half, path in enumerate(files):
            path.write_text("\n".join(_of(tenant, parts) for tenant in tenants[half::2]))
        return files

    def _sql(self, many: Many, number: str) -> str:
        said = many.manage("tenant_command", "sqlmigrate", "shop", number, "--schema=origin")
        row = (
            f"insert into django_migrations (app, name, applied) values ('shop', '{number}', now())"
        )
        return f"{re.sub(r'^(BEGIN|COMMIT);$', '', said, flags=re.MULTILINE)}{row};"

    def _psql(self, many: Many, size: int) -> None:
        command = [str(program("psql")), "-qX", "-v", "ON_ERROR_STOP=1", many.url, "-f"]
        running = [
            subprocess.Popen([*command, str(self.folder / f"half-{half}.sql")]) for half in (0, 1)
        ]
        assert [one.wait() for one in running] == [0, 0]


def _of(tenant: str, parts: Sequence[str]) -> str:
    return "\n".join(["begin;", f"set local search_path = {tenant}, public;", *parts, "commit;"])


def measure(bench: Bench, found: Found, size: int, given: argparse.Namespace) -> None:
    bench.base(size)
    bench.at_head(size)
    bench.script(size)
    most = {way: int(upto) for way, _, upto in (one.partition("=") for one in given.up_to)}
    for case, migrations in CASES.items():
        template = f"head_{size}" if case == "nothing pending" else f"base_{size}"
        for at in range(given.rounds):
            for way, run in bench.ways(size).items():
                rounds = given.slow_rounds if way in (STOCK, POOL) else given.rounds
                unlike = way == PSQL and case != "3 schema migrations"
                if unlike or at >= rounds or size > most.get(way, size):
                    continue
                many = bench.fresh(template, migrations)
                found.run(size, case, way, partial(run, many))


def head_only(bench: Bench, found: Found, size: int, rounds: int) -> None:
    """Many tenants, none of which has anything to do."""
    url = bench.server.url(bench.base(size))
    many = Many(bench.python, bench.copy(SCHEMA), url)
    bench.ours(many)
    for _ in range(rounds):
        found.run(size, "nothing pending", OURS, partial(bench.ours, many))


def report(found: Found, head: str) -> str:
    lines = ["# Tenants", "", head, ""]
    for size in sorted({size for size, _, _ in found.seconds}):
        lines += [f"## {size} tenants", "", HEAD]
        lines += [row for case in CASES for way in WAYS for row in _rows(found, size, case, way)]
        lines.append("")
    return "\n".join([*lines, "![seconds](tenants.svg)", ""])


def _rows(found: Found, size: int, case: str, way: str) -> list[str]:
    """One, or none for what was not run."""
    middle = found.middle(size, case, way)
    if middle is None:
        return []
    seconds, memory = found.seconds[size, case, way], found.memory[size, case, way]
    ratios = [_ratio(middle, found.middle(size, case, other)) for other in (OURS, PSQL)]
    numbers = [f"{middle:.2f}", f"{max(seconds):.2f}", str(len(seconds)), *ratios, f"{memory:.0f}"]
    return [f"| {case} | {SHOWN[way]} | " + " | ".join(numbers) + " |"]


def _ratio(middle: float, other: float | None) -> str:
    return f"{middle / other:.2f}" if other else "–"


def _plotted(found: Found) -> dict[str, dict[str, float]]:
    """By group of bars, then by bar."""
    groups: dict[str, dict[str, float]] = {}
    for size, case, way in found.seconds:
        middle = found.middle(size, case, way)
        if middle:
            groups.setdefault(f"{size}, {case}", {})[SHOWN[way].partition(",")[0]] = middle
    return groups


def write(found: Found, head: str) -> None:
    text = report(found, head)
    RESULTS.write_text(text)
    RESULTS.with_suffix(".svg").write_text(bars(_plotted(found), "seconds, logarithmic"))


def _head(engine: docker.DockerClient, rounds: int) -> str:
    return (
        f"{today()}; {machine(engine)}, PostgreSQL 15 without fsync, Django 5.2; 28 tables "
        f"in each tenant. Medians of up to {rounds} runs in turns, each on a fresh copy. "
        "MB: the most that all its processes had in memory together, what they share counted "
        "once. Made by `python -m benchmarks.tenants`."
    )


def main() -> None:
    given = _arguments()
    engine = ensure_engine(print)
    with tempfile.TemporaryDirectory() as folder:
        state, name = State(Path(folder) / "state"), f"fairlead-benchmark-{uuid.uuid4().hex[:8]}"
        server = start_postgres(
            engine, ensure_images(engine, print).postgres, print, state=state, name=name
        )
        bench, found = Bench(server, Path(folder)), Found()
        head = _head(engine, given.rounds)
        try:
            for size in [int(size) for size in given.sizes.split(",") if size]:
                measure(bench, found, size, given)
                write(found, head)
            if given.at_head:
                head_only(bench, found, given.at_head, given.rounds)
                write(found, head)
        finally:
            stop_service(engine, name)
    print(RESULTS.read_text())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="100,300,1000")
    parser.add_argument("--at-head", type=int, default=5000, help="0: not")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--slow-rounds", type=int, default=1, help=f"of {STOCK} and {POOL}")
    parser.add_argument(
        "--up-to", action="append", default=[], metavar="WAY=SIZE", help=f"WAY: {', '.join(WAYS)}"
    )
    return parser.parse_args()


if __name__ == "__main__":
    os.nice(5)
    main()
