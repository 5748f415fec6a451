"""A PostgreSQL server in a container, for the application's databases and for Prefect's."""

from dataclasses import dataclass, field
from urllib.parse import quote

import docker
import psycopg
from docker.models.containers import Container
from psycopg import sql

from examples.stand.containers import (
    HOST,
    Service,
    attach,
    find_container,
    is_running,
    last_log_lines,
    published_port,
    start_service,
)
from examples.stand.errors import StandError
from examples.stand.state import Say, State
from examples.stand.waiting import wait_until

PORT = 5432
PASSWORD_FILE = "/etc/stand-postgres-password"
SHARED_MEMORY = 2**30  # a limit: parallel queries of thousands of tenants want more than 64 MB


@dataclass(frozen=True)
class Postgres:
    """How to reach the server from this machine, as its superuser."""

    name: str
    host: str
    port: int
    password: str = field(repr=False)
    user: str = "postgres"

    def url(self, database: str = "postgres") -> str:
        return postgres_url(self, self.user, self.password, database)


def postgres_url(server: Postgres, role: str, password: str, database: str) -> str:
    secret = quote(password, safe="")
    return f"postgresql://{quote(role)}:{secret}@{server.host}:{server.port}/{quote(database)}"


def start_postgres(
    client: docker.DockerClient,
    image: str,
    say: Say,
    *,
    state: State,
    name: str = "stand-postgres",
    port: int | None = None,
    durable: bool = False,
) -> Postgres:
    """The running server; `durable` makes it survive a crash of the machine, at a price in speed.

    Its password is drawn once per name and kept in the state folder.
    """
    password = state.secret(name)
    service = postgres_service(
        name=name, image=image, port=port, password=password, durable=durable
    )
    container = start_service(client, service, say)
    server = Postgres(name, HOST, published_port(container, PORT), password)
    wait_until(
        lambda: answers(server),
        what=f"PostgreSQL in container {name}",
        seconds=60,
        alive=lambda: is_running(container),
        log=lambda: last_log_lines(container),
    )
    return server


def postgres_service(
    *, name: str, image: str, port: int | None, password: str, durable: bool
) -> Service:
    settings = {"listen_addresses": "*", "max_connections": "200", "shared_buffers": "128MB"}
    if not durable:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    no_sync = [] if durable else ["--no-sync"]
    return Service(
        name=name,
        image=image,
        command=tuple(part for key, value in settings.items() for part in ("-c", f"{key}={value}")),
        port=PORT,
        published=port,
        environment={
            "POSTGRES_PASSWORD_FILE": PASSWORD_FILE,
            "POSTGRES_INITDB_ARGS": " ".join(["--locale=C.UTF-8", "--encoding=UTF8", *no_sync]),
        },
        files={PASSWORD_FILE: password},
        shared_memory=SHARED_MEMORY,
    )


def answers(server: Postgres) -> bool:
    try:
        psycopg.connect(server.url(), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def attach_postgres(
    client: docker.DockerClient, server: Postgres, *, network: str, alias: str = "postgres"
) -> str:
    """Joins the server to a Docker network; returns host:port as seen from containers there."""
    attach(client, container_of(client, server), network=network, alias=alias)
    return f"{alias}:{PORT}"


def container_of(client: docker.DockerClient, server: Postgres) -> Container:
    container = find_container(client, server.name)
    if container is None:
        raise StandError(f"no container {server.name}: start PostgreSQL first")
    return container


def create_database(server: Postgres, database: str, *, role: str, password: str) -> str:
    """A database owned by a role of its own, both made where missing; returns its URL.

    The server sees a SCRAM verifier only, never the password.
    """
    with psycopg.connect(server.url(), autocommit=True) as connection:
        put_role(connection, role, password)
        owner = sql.Identifier(role)
        try:
            connection.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(database), owner)
            )
        except psycopg.errors.DuplicateDatabase:
            connection.execute(
                sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(database), owner)
            )
    return postgres_url(server, role, password, database)


def put_role(connection: psycopg.Connection, role: str, password: str) -> None:
    encrypted = connection.pgconn.encrypt_password(
        password.encode(), role.encode(), b"scram-sha-256"
    )
    # A scratch database beside is what migrations are tried on, and backups.
    attributes = sql.SQL("{} LOGIN CREATEDB PASSWORD {}").format(
        sql.Identifier(role), sql.Literal(encrypted.decode())
    )
    try:
        connection.execute(sql.SQL("CREATE ROLE {}").format(attributes))
    except psycopg.errors.DuplicateObject:
        connection.execute(sql.SQL("ALTER ROLE {}").format(attributes))
