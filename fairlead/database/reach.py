"""Reaching the application's database from where Fairlead runs, through SSH where it has to be."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from fairlead.config import Database
from fairlead.database.connect import PATIENCE, connect
from fairlead.errors import DatabaseUnreachable
from fairlead.store.database import address, first_line


def check_database(environment: str, database: Database, url: SecretStr) -> str:
    """Connect, ask one thing, and say what was found. Raises DatabaseUnreachable."""
    with reachable(environment, database, url) as conninfo:
        try:
            with connect(conninfo, "fairlead") as connection:
                row = connection.execute(
                    "select split_part(current_setting('server_version'), ' ', 1) as version, "
                    "current_database() as name"
                ).fetchone()
        except psycopg.Error as error:
            raise DatabaseUnreachable(
                environment, address(url_of(url)), first_line(error)
            ) from error
    assert row is not None
    return f"PostgreSQL {row['version']}, database {row['name']}"


@contextmanager
def asked(environment: str, database: Database, url: SecretStr) -> Iterator[str]:
    """As `reachable`. Raises DatabaseUnreachable also for what psycopg raises meanwhile."""
    with reachable(environment, database, url) as conninfo:
        try:
            yield conninfo
        except psycopg.Error as error:
            raise DatabaseUnreachable(environment, address(conninfo), first_line(error)) from error


def url_of(url: SecretStr) -> str:
    """As libpq takes it: Django's and SQLAlchemy's schemes (postgis://, postgresql+psycopg://)
    name a driver that libpq does not know."""
    scheme, separator, rest = url.get_secret_value().partition("://")
    known = scheme in ("postgresql", "postgres") or not separator
    return url.get_secret_value() if known else f"postgresql://{rest}"


@contextmanager
def reachable(environment: str, database: Database, url: SecretStr) -> Iterator[str]:
    """A conninfo that leads there as long as the block runs. Raises DatabaseUnreachable."""
    if database.via is None:
        yield url_of(url)
        return
    try:
        fields = conninfo_to_dict(url_of(url))
    except psycopg.ProgrammingError as error:
        raise DatabaseUnreachable(environment, "(not a PostgreSQL URL)", "see its value") from error
    host, port = str(fields.get("host") or "localhost"), int(fields.get("port") or 5432)
    with _tunnel(environment, database.via, host, port) as local:
        moved: dict[str, Any] = {**fields, "host": "127.0.0.1", "port": local}
        yield make_conninfo(**moved)


@contextmanager
def _tunnel(environment: str, via: str, host: str, port: int) -> Iterator[int]:
    """A local port that OpenSSH forwards to host:port as seen from `via`."""
    local = _free_port()
    with subprocess.Popen(  # noqa: S603 an argument list; the parts are validated by the config
        tunnel_command(via, local, host, port),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    ) as ssh:
        try:
            _await_open(environment, via, local, ssh)
            yield local
        finally:
            ssh.terminate()


def tunnel_command(via: str, local: int, host: str, port: int) -> list[str]:
    """ssh(1): no command, no questions, end when the forwarding cannot be had."""
    where = urlsplit(via)
    options = ["BatchMode=yes", "ExitOnForwardFailure=yes", f"ConnectTimeout={PATIENCE}"]
    command = ["ssh", "-N", *(part for option in options for part in ("-o", option))]
    command += ["-p", str(where.port or 22), "-L", f"127.0.0.1:{local}:{host}:{port}"]
    return [*command, "--", f"{where.username}@{where.hostname}"]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _await_open(environment: str, via: str, local: int, ssh: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 2 * PATIENCE
    while time.monotonic() < deadline:
        if ssh.poll() is not None:
            said = ssh.stderr.read().decode("utf-8", "replace") if ssh.stderr else ""
            raise DatabaseUnreachable(environment, via, said.strip() or "ssh ended")
        try:
            socket.create_connection(("127.0.0.1", local), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise DatabaseUnreachable(environment, via, "ssh did not open the way in time")
