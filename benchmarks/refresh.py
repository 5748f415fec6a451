"""What a refresh takes, phase by phase, beside plain `pg_dump -j2` and `pg_restore -j2`.

    .venv/bin/python -m benchmarks.refresh [--megabytes 1000] [--tenants 200] [--rounds 3]

Production is generated: tenants with customers, orders and lines, on a server of its own; UAT is on
another one, both embedded PostgreSQL 18 on this machine. In turn the data is brought over by the
two programs, with the compression that they have by default, with the least and with none, and by
`fairlead refresh uat`, as a person would start it, on a release that runs in containers; all the
while a reader asks UAT's database without pause. Each begins on servers that have written all down,
and what it replaces is dropped behind it, outside of its time. Writes benchmarks/results/refresh.md
after each round.
"""

import argparse
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import docker
import psycopg

from benchmarks.machine import machine, middle, today
from benchmarks.reader import Reader
from examples.stand.containers import stop_service
from examples.stand.engine import ensure_engine
from examples.stand.images import ensure_images
from examples.stand.postgres import create_database, start_postgres
from examples.stand.prefect_server import (
    client_environment,
    start_prefect_server,
    stop_prefect_server,
)
from examples.stand.registry import start_registry
from examples.stand.state import State
from fairlead.database.backup.beside import at
from fairlead.database.backup.process import libpq_environ
from fairlead.model import Phase, RefreshState, size
from fairlead.store import embedded, schema
from tests.bench.bench import Bench, free_port, merged
from tests.bench.images import base_image
from tests.bench.saved import PROGRAMS

RESULTS = Path(__file__).parent / "results" / "refresh.md"
JOBS = 2
GOAL = 1.3  # times the plain way
COMPRESSIONS = ("", "-Z1", "-Z0")
SHARED = """
create table tenant (id serial primary key, schema_name varchar(63) not null unique, name text);
create table domain (id serial primary key, domain text not null unique,
  tenant_id int not null references tenant);
insert into tenant (schema_name, name) select 't' || i, 'Real Company ' || i
  from generate_series(1, {tenants}) i;
insert into domain (domain, tenant_id) select schema_name || '.real.example', id from tenant;
"""
TENANT = """
create schema {name};
create table {name}.customer as select i as id, 'person' || i || '@real.example' as email,
  '+49 30 ' || i as phone, 'Real Person ' || i as name, i || ' Real Street' as street,
  '1970-01-01'::date + i % 20000 as born, md5(i::text)::uuid as token, now() as made
  from generate_series(1, {rows}) i;
alter table {name}.customer add primary key (id), add unique (email);
create table {name}.order_ as select i as id, 1 + i % {rows} as customer_id,
  now() - i * interval '1 min' as at, (i * 7919 % 100000)::numeric / 100 as total,
  'said that ' || md5(i::text) as note from generate_series(1, {rows} * 3) i;
alter table {name}.order_ add primary key (id),
  add foreign key (customer_id) references {name}.customer;
create index on {name}.order_ (customer_id, at);
create table {name}.line as select i as id, 1 + i % ({rows} * 3) as order_id,
  md5((i % 500)::text) as article, i % 50 as count, (i % 977)::numeric / 10 as price
  from generate_series(1, {rows} * 8) i;
alter table {name}.line add primary key (id),
  add foreign key (order_id) references {name}.order_;
create index on {name}.line (order_id);
create table {name}.django_session (key text primary key, data text);
insert into {name}.django_session select md5(i::text), repeat('session ', 20)
  from generate_series(1, 50) i;
"""
ROWS_OF_A_MEGABYTE = 560  # customers, with what belongs to them
RULES: dict[str, Any] = {
    "tenant.id": "keep",
    "tenant.schema_name": "keep",
    "tenant.name": {"fake": "company"},
    "domain.id": "keep",
    "domain.domain": {"hash": "text"},
    "domain.tenant_id": "keep",
    "customer.id": "keep",
    "customer.email": {"hash": "email"},
    "customer.phone": {"hash": "phone"},
    "customer.name": {"fake": "name"},
    "customer.street": {"fake": "street"},
    "customer.born": {"shift_days": 180},
    "customer.token": {"hash": "token"},
    "customer.made": "keep",
    "order_.id": "keep",
    "order_.customer_id": "keep",
    "order_.at": "keep",
    "order_.total": "keep",
    "order_.note": {"hash": "text"},
    "line.id": "keep",
    "line.order_id": "keep",
    "line.article": "keep",
    "line.count": "keep",
    "line.price": "keep",
    "django_session.*": "empty",
}


class Refreshed(Bench):
    """One service in each environment; UAT is refreshed from prod."""

    def usual(self) -> dict[str, Any]:
        usual = super().usual()
        ports = {"prod": free_port(), "uat": self.port}
        environments = {
            name: self.environment(port, database={"url": f"env:{name.upper()}_URL"})
            for name, port in ports.items()
        }
        environments["prod"]["production"] = True
        environments["uat"]["refresh"] = {"from": "prod", "jobs": JOBS, "keep_days": 1}
        return {
            **merged(usual, {"services": {"web": {"secrets": ["DATABASE_URL"]}}}),
            "migrations": {"preset": "none"},
            "masking": {"key": "env:MASKING_KEY", "parallel": JOBS, "rules": RULES},
            "environments": environments,
        }


@dataclass(frozen=True, slots=True)
class Measured:
    """Seconds of the command, of each phase, and for which the reader was without a connection;
    and the longest that it waited otherwise."""

    command: float
    phases: dict[str, float]
    away: float
    waited: float


@dataclass
class Stage:
    bench: Refreshed
    prod: str
    uat: str
    plain: dict[str, list[float]] = field(default_factory=dict)
    ours: list[Measured] = field(default_factory=list)


def main() -> None:
    asked = argparse.ArgumentParser()
    for name, usual in (("megabytes", 1000), ("tenants", 200), ("rounds", 3)):
        asked.add_argument(f"--{name}", type=int, default=usual)
    given = asked.parse_args()
    text = ""
    with ready(given.megabytes, given.tenants) as stage:
        for at_round in range(given.rounds):
            for compress in COMPRESSIONS:
                for name, seconds in plain(stage, compress).items():
                    stage.plain.setdefault(name, []).append(seconds)
                    print(f"round {at_round + 1}, {name}: {seconds:.1f} s", flush=True)
            stage.ours.append(ours(stage))
            print(f"round {at_round + 1}, ours: {stage.ours[-1]}", flush=True)
            text = report(stage, given.tenants, at_round + 1)
            RESULTS.write_text(text, encoding="utf-8")
    print(text)


def plain(stage: Stage, compress: str) -> dict[str, float]:
    """As a person would do it; seconds of each of the two programs."""
    name = f"plain_{uuid.uuid4().hex[:8]}"
    folder = stage.bench.folder / name
    options = [compress] if compress else []
    label = f"-j{JOBS} {compress}".strip()
    execute(stage.uat, f"create database {name}")
    settled(stage)
    try:
        with Reader(stage.uat):
            dump = timed(stage.prod, "pg_dump", "-Fd", f"-j{JOBS}", *options, "-f", str(folder))
            target = at(stage.uat, name)
            restore = timed(target, "pg_restore", f"-j{JOBS}", "-d", name, str(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        execute(stage.uat, f"drop database {name} with (force)")
    return {f"pg_dump {label}": dump, f"pg_restore {label}": restore}


def timed(url: str, program: str, *options: str) -> float:
    environ = libpq_environ(url, name="benchmark", inherited=os.environ)
    began = time.monotonic()
    subprocess.run([str(PROGRAMS / program), *options], env=environ, check=True)
    return time.monotonic() - began


def ours(stage: Stage) -> Measured:
    settled(stage)
    with Reader(stage.uat) as reader:
        began = time.monotonic()
        stage.bench.fairlead("refresh", "uat", "--in-process", timeout=7200)
        command = time.monotonic() - began
    (row, *_) = stage.bench.read(lambda store: store.refreshes.history(stage.bench.project, "uat"))
    assert row.state is RefreshState.REFRESHED
    execute(stage.uat, f'drop database "{row.kept}"')
    phases: list[Phase] = stage.bench.read(lambda store: store.refreshes.phases(row.id))
    return Measured(
        command,
        {phase.name.value: phase.seconds or 0.0 for phase in phases},
        sum(reader.breaks),
        reader.waited,
    )


def settled(stage: Stage) -> None:
    """What others have left to be written is written, and in nobody's time."""
    for url in (stage.prod, stage.uat):
        execute(url, "checkpoint")
    os.sync()


def execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


# -- the stage -----------------------------------------------------------------------------------


@contextmanager
def ready(megabytes: int, tenants: int) -> Iterator[Stage]:
    """Production is filled, UAT serves something, and is marked; everything is removed."""
    with ExitStack() as after:
        home = Path(after.enter_context(tempfile.TemporaryDirectory(prefix="fairlead-benchmark-")))
        home.chmod(0o755)
        prod, uat = (after.enter_context(server(home / name)) for name in ("prod", "uat"))
        fill(prod, tenants, megabytes * ROWS_OF_A_MEGABYTE // tenants)
        execute(uat, SHARED.format(tenants=1))
        engine = ensure_engine(print)
        after.callback(engine.close)
        bench = after.enter_context(released(engine, State(home / "state"), prod, uat))
        bench.fairlead("refresh", "mark", "uat", "--yes")
        yield Stage(bench, prod, uat)


@contextmanager
def server(folder: Path) -> Iterator[str]:
    """A server with a database for the application, by a conninfo that containers can be given."""
    own = embedded.start(folder)
    try:
        execute(own, "create database app")
        yield at(own, "app")
    finally:
        embedded.stop(folder)


def fill(url: str, tenants: int, rows: int) -> None:
    execute(url, SHARED.format(tenants=tenants))
    for number in range(1, tenants + 1):
        execute(url, TENANT.format(name=f"t{number}", rows=rows))
    execute(url, "vacuum analyze")
    execute(url, "checkpoint")


@contextmanager
def released(engine: docker.DockerClient, state: State, prod: str, uat: str) -> Iterator[Refreshed]:
    run = f"fairlead-benchmark-{uuid.uuid4().hex[:8]}"
    with ExitStack() as after:
        images = ensure_images(engine, print)
        registry = start_registry(engine, images.registry, print, name=f"{run}-registry")
        after.callback(stop_service, engine, f"{run}-registry")
        postgres = start_postgres(
            engine, images.postgres, print, state=state, name=f"{run}-postgres"
        )
        after.callback(stop_service, engine, f"{run}-postgres")
        database = create_database(postgres, "prefect", role="prefect", password="prefect")
        prefect = start_prefect_server(database, print, port=free_port(), state=state)
        after.callback(stop_prefect_server, state)
        store = create_database(postgres, "store", role="store", password="store")
        schema.migrate(store)
        bench = Refreshed(
            engine=engine,
            project=f"r{uuid.uuid4().hex[:8]}",
            folder=state.folder("project"),
            registry=registry.address,
            base=base_image(engine, images.python),
            store_url=store,
            proxy_image=images.caddy,
            port=free_port(),
            environ={
                **client_environment(prefect, state),
                "PROD_URL": prod,
                "UAT_URL": uat,
                "MASKING_KEY": "a key of the benchmark, 32 letters",
            },
        )
        after.callback(bench.clean)
        bench.fairlead("release", "uat", bench.push("v1", environment="uat"), "--in-process")
        yield bench


# -- the report ----------------------------------------------------------------------------------


def report(stage: Stage, tenants: int, rounds: int) -> str:
    with psycopg.connect(stage.prod) as connection:
        row = connection.execute("select pg_database_size(current_database())").fetchone()
    assert row is not None
    whole = f"-j{JOBS}"
    sums = {
        label: [
            dump + restore
            for dump, restore in zip(
                stage.plain[f"pg_dump {label}"], stage.plain[f"pg_restore {label}"], strict=True
            )
        ]
        for label in (f"{whole} {compress}".strip() for compress in COMPRESSIONS)
    }
    base = median(sums[whole])
    commands = [one.command for one in stage.ours]
    lines = [
        "# What a refresh takes",
        "",
        f"{today()}, {machine(stage.bench.engine)}, both PostgreSQL 18 on the same machine, "
        f"production {size(row[0])} in {tenants} tenants, {rounds} rounds in turn. Seconds: median "
        "(worst). What is replaced is dropped outside of both times. "
        "`python -m benchmarks.refresh`",
        "",
        "| way | seconds | of plain |",
        "|---|---|---|",
        *(
            f"| pg_dump {label}, pg_restore {whole} | {middle(taken, '.1f')} "
            f"| {median(taken) / base:.2f} |"
            for label, taken in sums.items()
        ),
        f"| `fairlead refresh uat`, all of it (goal: {GOAL}) | {middle(commands, '.1f')} "
        f"| {median(commands) / base:.2f} |",
        "",
        "| phase | seconds | plain |",
        "|---|---|---|",
        *phases(stage, whole),
        "",
        gaps(stage),
        "",
    ]
    return "\n".join(lines)


def phases(stage: Stage, whole: str) -> Iterator[str]:
    beside = {
        "dump": middle(stage.plain[f"pg_dump {whole}"], ".1f"),
        "restore": middle(stage.plain[f"pg_restore {whole}"], ".1f") + ", with its keys",
    }
    for name in stage.ours[0].phases:
        taken = [one.phases[name] for one in stage.ours]
        yield f"| {name} | {middle(taken, '.1f')} | {beside.get(name, '')} |"


def gaps(stage: Stage) -> str:
    """What the reader saw of it."""
    away = [1000 * one.away for one in stage.ours]
    waited = [1000 * one.waited for one in stage.ours]
    return (
        "A reader that asks UAT's database every 2 ms and connects again at once was without an "
        f"answer for {middle(away, '.0f')} ms because of the swap, from the last answer of the old "
        f"database to the first of the new one. It never waited longer than {max(waited):.0f} ms "
        "otherwise."
    )


if __name__ == "__main__":
    main()
