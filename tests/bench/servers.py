"""PostgreSQL servers of one test's own: on a small disk, or a replica of another."""

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import docker
from docker.models.containers import Container

from examples.stand.containers import HOST, create_container
from examples.stand.postgres import PORT, Postgres, answers, postgres_service
from tests.bench.bench import free_port
from tests.bench.prefect import wait_for

DATA = "/var/lib/postgresql/data"
PASSWORD = "own"


@dataclass(frozen=True)
class Server:
    """`postgres` is how it is reached from this machine."""

    postgres: Postgres
    container: Container

    def start(self) -> None:
        self.container.start()
        wait_for(lambda: answers(self.postgres), "the server", 60)

    def do(self, script: str, user: str = "root") -> str:
        """By a shell in it."""
        done = self.container.exec_run(["sh", "-ec", script], user=user)
        assert isinstance(done.output, bytes)
        said = done.output.decode()
        assert done.exit_code == 0, said
        return said

    @property
    def inside(self) -> str:
        """How other containers reach it."""
        self.container.reload()
        address = self.container.attrs["NetworkSettings"]["IPAddress"]
        return f"postgresql://postgres:{PASSWORD}@{address}:{PORT}/postgres"

    def fill(self, left: int) -> None:
        """Nothing but `left` bytes stay free on its disk."""
        free = int(self.do(f"df -Pk {DATA} | tail -1").split()[3]) * 1024
        self.do(f"head -c {free - left} /dev/zero > {DATA}/ballast")


@contextmanager
def own_server(
    engine: docker.DockerClient, image: str, *settings: str, disk: str | None = None
) -> Iterator[Server]:
    """`disk` is the size of a file system of its own, of which the server keeps no more than 32 MB
    as its log; `settings` are the server's, `name=value`."""
    more: dict[str, Any] = {"tmpfs": {DATA: f"size={disk}"}} if disk else {}
    log = ("max_wal_size=32MB", "min_wal_size=32MB") if disk else ()
    with _started(engine, image, (*log, *settings), **more) as made:
        yield made


@contextmanager
def replica_of(
    primary: Server, engine: docker.DockerClient, image: str, *settings: str
) -> Iterator[Server]:
    """A hot standby: it has what `primary` has, and nobody can write to it."""
    primary.do(
        f"echo 'host replication all all scram-sha-256' >>{DATA}/pg_hba.conf; "
        "setpriv --reuid=postgres --regid=postgres --init-groups "
        f"/usr/lib/postgresql/15/bin/pg_ctl reload -D {DATA}"
    )
    copy = (
        f"install -d -o postgres -g postgres -m 0700 {DATA}; "
        "setpriv --reuid=postgres --regid=postgres --init-groups "
        "/usr/lib/postgresql/15/bin/pg_basebackup --write-recovery-conf --checkpoint=fast "
        f"--dbname={primary.inside} --pgdata={DATA}; "
        'exec postgres-entry "$@"'
    )
    with _started(engine, image, settings, entrypoint=["sh", "-ec", copy, "sh"]) as made:
        yield made


@contextmanager
def _started(
    engine: docker.DockerClient, image: str, settings: Sequence[str], **more: Any
) -> Iterator[Server]:
    name, port = f"fairlead-test-own-{uuid.uuid4().hex[:8]}", free_port()  # the same once more
    service = postgres_service(name=name, image=image, port=port, password=PASSWORD, durable=False)
    command = [*service.command, *(part for one in settings for part in ("-c", one))]
    container = create_container(engine, service, command=command, **more)
    try:
        made = Server(Postgres(name, HOST, port, PASSWORD), container)
        made.start()
        yield made
    finally:
        container.remove(force=True, v=True)
