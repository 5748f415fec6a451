"""What masking costs: ALTER … USING, ours, against UPDATE and VACUUM FULL of the same columns.

    .venv/bin/python -m benchmarks.masking [ROWS]

One table of ROWS rows (200,000 without) and ten columns, seven of them masked, on the embedded
PostgreSQL 18, each way in turn on a fresh copy, three times; and ours where a view keeps it from
changing types. Prints a table and writes it to benchmarks/results/masking.md.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from benchmarks.machine import middle, today
from fairlead.database.masking.catalog import read_catalog
from fairlead.database.masking.mask import mask
from fairlead.database.masking.rules import match
from fairlead.database.masking.session import drop_functions, make_functions, masking, salts
from fairlead.database.masking.statements import plan
from fairlead.model import size
from fairlead.store import embedded
from tests.bench.masked import KEY, Copy, copy_on, proof, rules

RESULTS = Path(__file__).parent / "results" / "masking.md"
ROUNDS = 3
FILL = """
create table customer as select i as id, now() - i * interval '1 s' as made, i % 7 as kind,
  'person' || i || '@real.example' as email, '+49 30 ' || i as phone, 'Real Person ' || i as name,
  i || ' Real Street' as street, md5(i::text)::uuid as token,
  '1970-01-01'::date + i % 20000 as born,
  repeat('said that ', (i % 9)::int) || md5(i::text) as note
from generate_series(1, {rows}) i;
alter table customer add primary key (id);
create table other as select * from customer where id % 2 = 0;
"""
OF_A_TABLE: dict[str, Any] = {
    "id": "keep",
    "made": "keep",
    "kind": "keep",
    "email": {"hash": "email"},
    "phone": {"hash": "phone"},
    "name": {"fake": "name"},
    "street": {"fake": "street"},
    "token": {"hash": "token"},
    "born": {"shift_days": 180},
    "note": {"hash": "note"},
}
RULES = {
    f"{table}.{column}": rule
    for table in ("customer", "other")
    for column, rule in OF_A_TABLE.items()
}
GIVEN = rules(RULES, parallel=1)
SIZE = "select pg_total_relation_size('customer') + pg_total_relation_size('other')"


def ours(copy: Copy) -> None:
    mask(copy.url, GIVEN, KEY)
    copy.run("analyze")


def both(copy: Copy) -> None:
    copy.mask(RULES)
    copy.run("analyze")


def updated(copy: Copy) -> None:
    """The same expressions, as a person would write it by hand."""
    with masking(copy.url, salts(KEY, GIVEN.rules.values())) as connection:
        make_functions(connection)
        found = read_catalog(connection)
        matched = match(found, GIVEN.rules)
        for table in found.tables:
            planned = plan(table, matched)
            assert planned is not None
            sets = [
                sql.SQL("{} = {}").format(sql.Identifier(column.name), value)
                for column, value in planned.changes.items()
            ]
            name = planned.name
            connection.execute(sql.SQL("update {} set {}").format(name, sql.SQL(", ").join(sets)))
            connection.execute(sql.SQL("vacuum (full, analyze) {}").format(name))
        drop_functions(connection)


def held(copy: Copy) -> None:
    """A view of each: masked into a temporary table."""
    for table in ("customer", "other"):
        copy.run(f"create view {table}_seen as select * from {table}")
    ours(copy)


WAYS: dict[str, Callable[[Copy], None]] = {
    "ours: ALTER … USING, and ANALYZE": ours,
    "ours with two connections, as by default": both,
    "ours where views hold the columns": held,
    "UPDATE, VACUUM FULL and ANALYZE": updated,
}


def main(rows: int) -> None:
    times: dict[str, list[float]] = {}
    proofs: list[float] = []
    with server() as url, copy_on(url, FILL.format(rows=rows)) as source:
        source.run("vacuum analyze")
        ((whole,),) = source.run(SIZE)
        template = str(conninfo_to_dict(source.url)["dbname"])
        for at in range(ROUNDS):
            for name, way in WAYS.items():
                with copy_on(url, template=template) as copy:
                    copy.run("checkpoint")
                    times.setdefault(name, []).append(timed(way, copy))
                    proofs.append(timed(proof, source, copy, RULES))
                print(f"round {at + 1}, {name}: {times[name][-1]:.1f} s", flush=True)
    report(rows, int(whole), times, proofs)


def timed(work: Callable[..., object], *given: Any) -> float:
    began = time.monotonic()
    work(*given)
    return time.monotonic() - began


@contextmanager
def server() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        yield embedded.start(Path(made) / "data")
        embedded.stop(Path(made) / "data")


def report(rows: int, whole: int, times: dict[str, list[float]], proofs: list[float]) -> None:
    memory = psutil.virtual_memory().total / 2**30
    columns = sum(rule != "keep" for rule in OF_A_TABLE.values())
    lines = [
        "# What masking costs",
        "",
        f"{today()}, {os.cpu_count()} cores (load {os.getloadavg()[1]:.0f}), {memory:.0f} GB, "
        f"PostgreSQL 18 on the same machine, {rows:,} and {rows // 2:,} rows, {columns} of "
        f"{len(OF_A_TABLE)} columns masked, {size(whole)}, {ROUNDS} rounds in turn, with the "
        "primary key in place. Seconds: median (worst). `python -m benchmarks.masking`",
        "",
        "| way | seconds |",
        "|---|---|",
        *(f"| {name} | {middle(taken, '.1f')} |" for name, taken in times.items()),
        f"| the proof, after each of them | {middle(proofs, '.1f')} |",
        "",
    ]
    print("\n".join(lines))
    RESULTS.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
