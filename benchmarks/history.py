"""What a long history costs: the commands that look at it, with 1,000 releases and with 1,000,000.

    .venv/bin/python -m benchmarks.history [RELEASES]

Two stores on an embedded PostgreSQL 18 of their own, filled by SQL: three environments over three
years, the same commits through all of them, each release with its config, two images and four of
its steps. Each command is a process of its own, the stores in turns. Prints a table and writes it
to benchmarks/results/history.md. A million take about 3 GB of disk and five minutes.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import psutil
import psycopg
import tomli_w
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.types.json import Jsonb

from benchmarks.machine import middle, today
from fairlead.config import load
from fairlead.model import size
from fairlead.store import embedded, schema

RESULTS = Path(__file__).parent / "results" / "history.md"
FEW, ROUNDS = 1_000, 7
ENVIRONMENTS = ("dev", "uat", "prod")
COMMANDS = (
    ("status",),
    ("history",),
    ("history", "prod"),
    ("show", "7"),
    ("metrics",),
    ("metrics", "--days", "365"),
    ("metrics", "--days", "365", "--format", "prometheus"),
)
CONFIG = {
    "project": "shop",
    "registry": {"host": "registry.example.com"},
    "services": {
        name: {"image": f"shop/{name}", "port": 8000, "secrets": ["DATABASE_URL"]}
        for name in ("backend", "frontend")
    },
    "environments": {
        name: {
            "hosts": [f"ssh://deploy@{name}.example.com"],
            "domain": f"{name}.example.com",
            "secrets": {"DATABASE_URL": "env:DATABASE_URL"},
        }
        for name in ENVIRONMENTS
    },
}
# Of a hundred releases five fail before a container is changed, two are put back, one is a
# rollback; the rest succeed. The i-th of n ended (n - i) / n of three years ago.
FILL = """
insert into release (project, environment, sha, kind, state, requested_by, requested_via, reason,
  replaces, request, fencing, config, config_digest, started_at, ended_at, error)
select 'shop', (array['dev', 'uat', 'prod'])[1 + i %% 3],
  left(encode(sha256((i / 3)::text::bytea), 'hex'), 40),
  case when i %% 100 = 50 and i > 3 then 'rollback' else 'release' end,
  case when i %% 100 < 5 then 'failed' when i %% 100 < 7 then 'rolled_back' else 'succeeded' end,
  'somebody', 'prefect', 'a reason', case when i %% 100 = 50 and i > 3 then i - 3 end,
  'request-' || i, i, %(config)s, '', ended - interval '1 minute', ended,
  case when i %% 100 < 7 then 'what went wrong' end
from (select i, now() - (%(count)s - i) * interval '3 years' / %(count)s as ended
  from generate_series(1, %(count)s::int) i) made
"""
REST = (
    """
    insert into step (release, name, attempt, started_at, ended_at, outcome, detail, log_tail)
    select id, name, 1, ended_at - number * interval '5 seconds',
      ended_at - number * interval '4 seconds', 'succeeded', 'as it should be', repeat('line ', 40)
    from release, (values (4, 'verify_build'), (3, 'migrate'), (2, 'deploy'), (1, 'retire'))
      step (number, name)
    """,
    """
    insert into image (release, service, repository, tag, digest, built_at)
    select id, service, 'registry.example.com/shop/' || service, environment || '-' || sha,
      'sha256:' || encode(sha256((id || service)::bytea), 'hex'), started_at - interval '1 hour'
    from release, (values ('backend'), ('frontend')) service (service)
    """,
    """
    insert into placement (project, environment, host, service, release, sha, digest, replicas)
    select distinct on (environment, service) 'shop', environment, environment || '.example.com',
      service, release.id, sha, digest, 1
    from release join image on image.release = release.id where state = 'succeeded'
      and release.id > (select max(id) - 300 from release)
    order by environment, service, release.id desc
    """,
    "analyze",
)


def main(many: int) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        folder.chmod(0o755)
        (folder / "fairlead.toml").write_text(tomli_w.dumps(CONFIG))
        server = embedded.start(folder / "data")
        try:
            stores = {count: store(server, count, folder) for count in (FEW, many)}
            found = measure(stores, folder / "fairlead.toml")
            large = size(weight(stores[many]))
        finally:
            embedded.stop(folder / "data")
    text = "\n".join(report(found, many, large))
    print(text)
    RESULTS.write_text(text, encoding="utf-8")


def store(server: str, count: int, folder: Path) -> str:
    """The conninfo of a store with so many releases."""
    name = f"releases_{count}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    url = make_conninfo(server, dbname=name)
    schema.migrate(url)
    config = load(folder / "fairlead.toml", {}).snapshot()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("set search_path to fairlead")
        connection.execute(FILL, {"count": count, "config": Jsonb(config)})
        for statement in REST:
            connection.execute(statement)
    print(f"{count:,} releases are there", flush=True)
    return url


def weight(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def measure(
    stores: Mapping[int, str], config: Path
) -> Mapping[tuple[str, ...], Mapping[int, list[float]]]:
    found: dict[tuple[str, ...], dict[int, list[float]]] = {}
    for command in COMMANDS:
        for at in range(ROUNDS + 1):
            for count, url in stores.items():
                taken = seconds(command, url, config)
                if at:  # the first is for the server to have it in memory
                    found.setdefault(command, {}).setdefault(count, []).append(taken)
        print(" ".join(command), flush=True)
    return found


def seconds(command: Sequence[str], url: str, config: Path) -> float:
    environ = {**os.environ, "FAIRLEAD_STORE_URL": url, "FAIRLEAD_CONFIG": str(config)}
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "fairlead", *command],
        env=environ,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.monotonic() - began


def report(
    found: Mapping[tuple[str, ...], Mapping[int, list[float]]], many: int, large: str
) -> list[str]:
    memory = psutil.virtual_memory().total / 2**30
    return [
        "# What a long history costs",
        "",
        f"{today()}, {os.cpu_count()} cores (load {os.getloadavg()[1]:.0f}), {memory:.0f} GB, "
        f"PostgreSQL 18 on the same machine, the larger store {large}. Seconds of the whole "
        f"command, {ROUNDS} times in turns: median (worst). `python -m benchmarks.history`",
        "",
        f"| | {FEW:,} releases | {many:,} releases | ratio |",
        "|---|---|---|---|",
        *(_row(command, counts[FEW], counts[many]) for command, counts in found.items()),
        "",
    ]


def _row(command: Sequence[str], few: Sequence[float], many: Sequence[float]) -> str:
    ratio = statistics.median(many) / statistics.median(few)
    cells = [f"`fairlead {' '.join(command)}`", middle(few, ".2f"), middle(many, ".2f")]
    return f"| {' | '.join(cells)} | {ratio:.1f} |"


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
