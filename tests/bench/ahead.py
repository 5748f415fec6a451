"""A project with all kinds of migrations that a preview tells apart, and a database before them."""

import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from fairlead.config import parse
from fairlead.database.pending import Pending, pending_of
from fairlead.database.preview.look import tried
from fairlead.database.tenants.inside_job import Event
from fairlead.engine.target import Target
from fairlead.errors import JobFailed
from tests.bench.many import Many, copy_database, make_origin, make_tenants, project

BEFORE = {"ahead": ["0001"]}
TENANTS = ("alpha", "beta-2")
ROWS = """
insert into {schema}.ahead_person (name) values ('Ann');
insert into {schema}.ahead_order (number, label, code, price, old)
  select n, 'label ' || n, 'code', n, '' from generate_series(1, {rows}) n;
analyze {schema}.ahead_order;
"""


@dataclass(frozen=True)
class Here:
    """Stands where a container would: the program runs as a process of this machine."""

    many: Many
    target: Target

    def say(self, line: str) -> None:
        print(line)

    def run(self, database: str, pending: Pending, timeout: float) -> list[Event]:
        run = self.many.ours("preview", database=database, tenants=tried(pending))
        if run.code:
            raise JobFailed(["preview"], f"ended with {run.code}", run.output.splitlines()[-20:])
        return list(run.events)

    @property
    def pending(self) -> Pending:
        run = self.many.ours("plan")
        assert run.code == 0, run.output
        return pending_of(run.events)


def with_tenants(server: str, name: str, python: Path, folder: Path) -> Many:
    """Three tenants, of which one is further than the others, with a thousand orders each."""
    url = copy_database(server, "template1", name)
    environ = {"EXTRA_APPS": "ahead"}
    make_origin(many := Many(python, project(folder / "before", BEFORE), url, environ))
    make_tenants(url, TENANTS)
    for at, tenant in enumerate(("origin", *TENANTS)):
        _fill(url, tenant, 1000 * (at + 1))
    further = project(folder / "further", {"ahead": ["0001", "0002"]})
    command = ("migrate_schemas", "--tenant", "--schema=beta-2", "--noinput", "-v0")
    Many(python, further, url, environ).manage(*command)
    return Many(many.python, project(folder / "after", {}), url, environ)


def plain(server: str, name: str, python: Path, folder: Path, upto: str = "") -> Many:
    """One schema, with a thousand orders."""
    url = copy_database(server, "template1", name)
    environ = {"EXTRA_APPS": "ahead", "DJANGO_SETTINGS_MODULE": "project.plain"}
    before = Many(python, project(folder / "before", BEFORE), url, environ)
    before.manage("migrate", "--noinput", "-v0")
    _fill(url, "public", 1000)
    kept = {"ahead": upto.split()} if upto else {}
    return Many(python, project(folder / "after", kept), url, environ)


def here(many: Many, url: str | None = None, **migrations: object) -> Here:
    """`url` is what the containers would connect with, where that is another one."""
    config = parse(
        {
            "project": "ahead",
            "registry": {"host": "registry.example"},
            "services": {"web": {"image": "web", "port": 8000}},
            "migrations": migrations,
            "environments": {
                "dev": {
                    "hosts": ["unix:///var/run/docker.sock"],
                    "domain": "dev.example",
                    "database": {"url": "env:URL"},
                }
            },
        },
        source="test",
    )
    secrets = {"DATABASE_URL": SecretStr(url or many.url)}
    return Here(many, Target(config, "dev", "a" * 40, 1, {}, secrets))


def _fill(url: str, schema: str, rows: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in filter(str.strip, ROWS.split(";")):
            parts = {"schema": sql.Identifier(schema), "rows": sql.Literal(rows)}
            connection.execute(sql.SQL(statement).format(**parts))


def databases(url: str) -> list[str]:
    with psycopg.connect(url) as connection:
        return [name for (name,) in connection.execute("select datname from pg_database")]


def schema_of(url: str) -> Mapping[str, object]:
    """All that a database is: its dump, and how far its objects' numbers went."""
    from tests.bench.many import program

    command = [str(program("pg_dump")), f"--dbname={url}", "--inserts"]
    dump = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = [line for line in dump.splitlines() if not line.startswith("\\")]
    with psycopg.connect(url) as connection:
        oids = connection.execute("select max(oid)::int, count(*) from pg_class").fetchone()
    return {"dump": lines, "catalog": oids, "name": conninfo_to_dict(url)["dbname"]}
