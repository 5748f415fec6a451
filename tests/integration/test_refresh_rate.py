"""The rate limit between real programs and real servers: it holds, and nothing else changes."""

import os
import threading
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import docker
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from examples.stand.containers import stop_service
from examples.stand.images import Images
from examples.stand.postgres import Postgres, container_of, start_postgres
from examples.stand.state import State
from fairlead.database.backup.process import libpq_environ, run
from fairlead.database.refresh.rate import limited
from fairlead.engine.target import archive
from tests.bench.masked import Copy, copy_on
from tests.bench.saved import PROGRAMS
from tests.bench.waiting import until
from tests.contract.certificates import Authority, make_authority

MEGABYTES = 3
ROWS = "copy (select repeat('x', 999) from generate_series(1, {})) to stdout"


def read(conninfo: str, megabytes: int) -> int:
    """How many bytes came."""
    with psycopg.connect(conninfo) as connection:
        statement = ROWS.format(megabytes * 1000).encode()
        with connection.cursor().copy(statement) as rows:
            return sum(len(part) for part in rows)


@pytest.mark.parametrize("where", ["newest", "postgres"])
def test_all_connections_together_read_no_faster(
    where: str, request: pytest.FixtureRequest
) -> None:
    """Over a Unix socket and over TCP."""
    server = request.getfixturevalue(where)
    url = server if isinstance(server, str) else server.url()
    with limited(url, 2) as slow, ThreadPoolExecutor(2) as pool:
        began = time.monotonic()
        counts = list(pool.map(read, [slow, slow], [MEGABYTES, MEGABYTES]))
        took = time.monotonic() - began
    assert counts == [MEGABYTES * 10**6] * 2
    assert sum(counts) / 1e6 / took <= 2 * 1.1


def test_a_limit_that_nothing_reaches_is_none(newest: str) -> None:
    with limited(newest, 1_000_000) as way:
        assert read(way, MEGABYTES) == MEGABYTES * 10**6


def test_without_a_limit_nothing_is_between(newest: str) -> None:
    threads = threading.active_count()
    with limited(newest, 0) as same:
        assert same == newest
        assert threading.active_count() == threads


def test_pg_dump_in_parallel_goes_through(newest: str, tmp_path: Path) -> None:
    content = "create table item as select i, md5(i::text) from generate_series(1, 20000) i"
    with copy_on(newest, content) as source, copy_on(newest) as target:
        with limited(source.url, 50) as slow:
            program("pg_dump", slow, "-Fd", "-j2", f"--file={tmp_path / 'dump'}")
        program("pg_restore", target.url, f"--dbname={name_of(target)}", str(tmp_path / "dump"))
        assert target.column("select count(*) from item") == [20000]


def program(name: str, url: str, *options: str) -> None:
    environ = libpq_environ(url, name="test", inherited=os.environ)
    command = [str(PROGRAMS / name), *options]
    ended = run(command, environ=environ, deadline=time.monotonic() + 60)
    assert ended.problem is None, ended.tail


def name_of(copy: Copy) -> str:
    return str(conninfo_to_dict(copy.url)["dbname"])


def test_what_was_connected_ends_with_it(newest: str) -> None:
    with limited(newest, 1) as slow:
        connection = psycopg.connect(slow, autocommit=True)
        (own,) = connection.execute("select pg_backend_pid()").fetchone() or (0,)
    with pytest.raises(psycopg.OperationalError):
        connection.execute("select 1")
    with psycopg.connect(newest, autocommit=True) as other:
        until(lambda: not other.execute(
            "select from pg_stat_activity where pid = %s", (own,)).fetchall(), 60)  # fmt: skip
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(slow, connect_timeout=5)


def test_a_client_that_goes_away_is_forgotten_by_the_server(newest: str) -> None:
    with limited(newest, 0.1) as slow, psycopg.connect(newest, autocommit=True) as other:
        connection = psycopg.connect(slow)
        own = connection.info.backend_pid
        statement = ROWS.format(1_000_000).encode()
        with suppress(psycopg.Error), connection.cursor().copy(statement) as rows:
            next(iter(rows))
            connection.pgconn.finish()
        until(lambda: not other.execute(
            "select from pg_stat_activity where pid = %s", (own,)).fetchall(), 60)  # fmt: skip


def test_a_server_that_is_away_is_told_at_once() -> None:
    with (
        pytest.raises(psycopg.OperationalError),
        limited("host=127.0.0.1 port=1 connect_timeout=5", 1),
    ):
        pass


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return make_authority(tmp_path)


@pytest.fixture
def with_tls(
    engine: docker.DockerClient, images: Images, state: State, authority: Authority
) -> Iterator[Postgres]:
    """A server of its own, with a certificate for 127.0.0.1."""
    name = f"fairlead-test-tls-{uuid.uuid4().hex[:8]}"
    server = start_postgres(engine, images.postgres, print, state=state, name=name)
    try:
        container = container_of(engine, server)
        container.put_archive(
            "/",
            archive(
                {
                    "/etc/tls.key": authority.key.read_bytes(),
                    "/etc/tls.pem": authority.certificate.read_bytes(),
                }
            ),
        )
        script = "chown postgres /etc/tls.key && chmod 600 /etc/tls.key"
        assert container.exec_run(["sh", "-c", script], user="root").exit_code == 0
        with psycopg.connect(server.url(), autocommit=True) as connection:
            for setting in ("ssl_key_file = '/etc/tls.key'", "ssl_cert_file = '/etc/tls.pem'",
                            "ssl = on"):  # fmt: skip
                connection.execute(f"alter system set {setting}".encode())
            connection.execute("select pg_reload_conf()")
        yield server
    finally:
        stop_service(engine, name)


def test_tls_goes_through_untouched(with_tls: Postgres, authority: Authority) -> None:
    checked = make_conninfo(
        with_tls.url(), sslmode="verify-full", sslrootcert=str(authority.ca), connect_timeout=10
    )
    until(lambda: answers(checked), 60)
    with limited(checked, 5) as slow, psycopg.connect(slow) as connection:
        asked = "select ssl, version from pg_stat_ssl where pid = pg_backend_pid()"
        assert connection.execute(asked).fetchone() == (True, "TLSv1.3")
        assert connection.info.host == with_tls.host
        assert connection.info.port != with_tls.port


def answers(conninfo: str) -> bool:
    try:
        psycopg.connect(conninfo).close()
    except psycopg.OperationalError:
        return False
    return True


def test_a_certificate_of_another_name_is_refused_through_it_too(
    with_tls: Postgres, authority: Authority
) -> None:
    checked = make_conninfo(
        with_tls.url(), sslmode="verify-full", sslrootcert=str(authority.ca), connect_timeout=10
    )
    until(lambda: answers(checked), 60)
    with limited(checked, 5) as slow, pytest.raises(psycopg.OperationalError, match="certificate"):
        psycopg.connect(make_conninfo(slow, host="elsewhere.example"))
