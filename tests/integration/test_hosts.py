"""An environment on several hosts: two real engines, the second reached over real SSH."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

import docker
import httpx
import psycopg
import pytest
from pydantic import SecretStr

from examples.stand.containers import stop_service
from examples.stand.images import Images
from examples.stand.postgres import Postgres, create_database
from examples.stand.registry import Registry, start_secure_registry
from examples.stand.state import State
from fairlead.config import Database, Host
from fairlead.database.reach import check_database
from fairlead.engine.at_once import at_once
from fairlead.engine.connect import connect
from fairlead.errors import DatabaseUnreachable
from fairlead.model import Placement, Release, ReleaseState, StepName
from tests.bench.bench import Bench, free_port, sha_of
from tests.bench.images import push
from tests.bench.second_engine import SecondEngine, second_engine
from tests.bench.waiting import until

pytestmark = pytest.mark.xdist_group("hosts")  # engines are started once, not by each worker


@pytest.fixture(scope="module")
def hosts(registry: Registry) -> Iterator[tuple[SecondEngine, SecondEngine]]:
    """Two engines; the second has an sshd."""
    with second_engine(registry.port) as first, second_engine(registry.port) as second:
        second.make_keys()
        second.open_ssh()
        yield first, second


@pytest.fixture
def pair(
    bench: Bench, hosts: tuple[SecondEngine, SecondEngine], images: Images
) -> Iterator["Pair"]:
    proxy = push(bench.engine, images.caddy, f"{bench.registry}/proxy:1")
    yield Pair(bench, *hosts, proxy_image=proxy)
    for host in hosts:
        host.clear()


class Pair:
    """The bench's project on both engines."""

    def __init__(
        self, bench: Bench, first: SecondEngine, second: SecondEngine, proxy_image: str
    ) -> None:
        self.bench, self.first, self.second = bench, first, second
        bench.environ.update(second.environ)
        self.hosts = [{"engine": first.socket, "address": first.address}, second.ssh]
        self.proxy_image = proxy_image
        self.configure(self.hosts)

    def configure(self, hosts: Sequence[Any], **over: Any) -> None:
        # Each engine has a network of its own: no address of it is one of this machine.
        dev = {"hosts": hosts, "batch": 1, "bind": "0.0.0.0"}
        self.bench.configure(
            proxy={"image": self.proxy_image},
            environments={"dev": dev},
            services={"web": {"volumes": ["data:/data"]}},
            **over,
        )

    def serves(self) -> tuple[str, str]:
        return self.asked(self.first), self.asked(self.second)

    def asked(self, host: SecondEngine) -> str:
        """The version that answers there, or why none does."""
        url = f"http://{host.address}:{self.bench.port}/"
        domain = {"Host": f"{self.bench.project}.localhost"}
        try:
            return httpx.get(url, headers=domain, timeout=10, trust_env=False).text
        except httpx.HTTPError as error:
            return type(error).__name__

    @property
    def names(self) -> list[str]:
        """What Fairlead calls the hosts."""
        return [Host(engine=self.first.socket).name, self.second.address]

    def placements(self) -> dict[str, tuple[str, int]]:
        """The commit and the release of the one service, by host."""
        found: list[Placement] = self.bench.read(
            lambda store: store.placements.all(self.bench.project, "dev")
        )
        return {placed.host: (placed.sha, placed.release) for placed in found}

    def log(self, release: Release, name: StepName) -> str:
        return next(step.log_tail for step in self.bench.steps(release.id) if step.name is name)


def containers(host: SecondEngine) -> dict[str, str]:
    """What is there, the proxy too, and its state."""
    with closing(host.client()) as client:
        found = client.containers.list(all=True, ignore_removed=True)
        return {str(container.name): container.status for container in found}


def test_release_to_two_hosts_serves_on_both_one_after_the_other(pair: Pair) -> None:
    bench, first, second = pair.bench, pair.names[0], pair.names[1]
    bench.release(bench.push("v1"))
    assert pair.serves() == ("v1", "v1")
    release = bench.release(bench.push("v2"))
    assert (release.state, release.requests_lost) == (ReleaseState.SUCCEEDED, 0)
    assert pair.serves() == ("v2", "v2")
    sha = sha_of("v2")
    assert pair.placements() == {first: (sha, release.id), second: (sha, release.id)}
    name = f"{bench.project}-dev-web-{release.id}-1"
    said = [
        line.partition(" is healthy")[0] for line in pair.log(release, StepName.DEPLOY).splitlines()
    ]
    switched = f"the proxy sends requests to release {release.id}"
    assert said == [
        f"{first}: the proxy runs; the router runs",
        f"{second}: the proxy runs; the router runs",
        f"{first}: {name}",
        f"{first}: {switched}",
        f"{second}: {name}",
        f"{second}: {switched}",
    ]


def test_one_host_that_fails_puts_every_host_back(pair: Pair) -> None:
    bench = pair.bench
    first = bench.release(bench.push("v1"))
    with closing(pair.second.client()) as client:
        running = client.containers.get(f"{bench.project}-dev-web-{first.id}-1")
        assert running.exec_run(["touch", "/data/broken"]).exit_code == 0
    before = containers(pair.first), containers(pair.second)

    release = bench.release(bench.push("v2", BEHAVIOUR="picky"))

    assert release.state is ReleaseState.ROLLED_BACK
    assert release.error == (
        f"web on {pair.second.address} exited with 3. Its last lines:\n"
        "    version v2 starts, picky\n"
        "    cannot go on: no configuration"
    )
    switched = f"{pair.names[0]}: the proxy sends requests to release {release.id}"
    assert switched in pair.log(release, StepName.DEPLOY)
    assert pair.serves() == ("v1", "v1")
    assert (containers(pair.first), containers(pair.second)) == before
    assert pair.placements() == dict.fromkeys(pair.names, (sha_of("v1"), first.id))


def test_first_release_that_fails_on_one_host_leaves_both_clean(pair: Pair) -> None:
    port = str(pair.bench.port)
    with pair.second.running_inside("taken", ["socat", f"TCP-LISTEN:{port},fork", "/dev/null"]):
        release = pair.bench.release(pair.bench.push("v1"))
    assert release.state is ReleaseState.ROLLED_BACK
    assert release.error is not None
    assert release.error.startswith(f"{pair.second.address} could not start the proxy: ")
    assert f"0.0.0.0:{port}: bind: address already in use" in release.error
    for host in (pair.first, pair.second):
        assert containers(host) == {}
        with closing(host.client()) as client:
            left = {network.name for network in client.networks.list()}
        assert left == {"bridge", "host", "none"}


def test_host_that_goes_away_in_the_middle_is_reported_and_settled_when_it_is_back(
    pair: Pair,
) -> None:
    bench = pair.bench
    bench.release(bench.push("v1"))
    with pair.second.killed_when(lambda: pair.asked(pair.first) == "v2"):
        release = bench.release(bench.push("v2"))
    assert release.state is ReleaseState.ROLLBACK_FAILED
    away = f"The Docker engine of {pair.second.address} does not answer: "
    assert release.error is not None
    told, failed, _, putting_back, *_, next_step = release.error.splitlines()
    assert told == "dev was NOT put back."
    assert failed.startswith(f"The release failed: {away}")
    assert putting_back.startswith(f"Putting it back failed: {away}")
    assert next_step == "Mend the second error, then: fairlead settle dev"
    assert pair.asked(pair.first) == "v1"

    pair.second.start()
    bench.fairlead("settle", "dev")
    assert pair.serves() == ("v1", "v1")
    assert bench.release(sha_of("v2")).state is ReleaseState.SUCCEEDED
    assert pair.serves() == ("v2", "v2")


def test_everything_comes_back_after_a_restart_of_the_engine(pair: Pair) -> None:
    bench = pair.bench
    pair.configure(pair.hosts[:1])
    for version in ("v1", "v2"):
        bench.release(bench.push(version))
    before = containers(pair.first)
    assert sorted(before.values()) == ["exited", "running", "running", "running"]

    for how in (signal.SIGTERM, signal.SIGKILL):
        pair.first.stop(how)
        pair.first.start()

        until(lambda: pair.asked(pair.first) == "v2")
        assert containers(pair.first) == before
    again = bench.release(sha_of("v2"))
    assert (again.state, pair.asked(pair.first)) == (ReleaseState.UNCHANGED, "v2")


def test_database_that_only_a_host_reaches_is_checked_through_it(
    hosts: tuple[SecondEngine, SecondEngine], postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, host = hosts
    for name, value in host.environ.items():
        monkeypatch.setenv(name, value)
    here = create_database(postgres, "behind", role="behind", password="planted-behind")
    there = free_port()
    host.forward(postgres.port, there)
    url = SecretStr(here.replace(f":{postgres.port}/", f":{there}/"))
    direct, through = Database(url="env:URL"), Database(url="env:URL", via=host.ssh)
    with psycopg.connect(here) as connection:
        version = connection.info.parameter_status("server_version")
    assert version is not None

    assert refusal(direct, url).endswith("Connection refused.")
    found = f"PostgreSQL {version.split()[0]}, database behind"
    assert check_database("dev", through, url) == found

    host.close_ssh()
    try:
        closed = f"ssh: connect to host {host.address} port 22: Connection refused."
        assert refusal(through, url) == (
            f"The database of dev at {host.ssh} does not let us in: {closed}"
        )
    finally:
        host.open_ssh()
    assert check_database("dev", through, url) == found

    monkeypatch.setenv("PATH", os.environ["PATH"].partition(":")[2])
    assert refusal(through, url).startswith(
        f"The database of dev at {host.ssh} does not let us in: Host key verification failed"
    )


def refusal(database: Database, url: SecretStr) -> str:
    """What happened, without what to do."""
    with pytest.raises(DatabaseUnreachable) as caught:
        check_database("dev", database, url)
    assert caught.value.next_step == (
        "Mend the way to it or its password, then try: fairlead check dev"
    )
    return caught.value.message


def test_more_is_asked_of_a_host_at_once_than_sshd_has_sessions(pair: Pair) -> None:
    with pair.bench.acting(), closing(connect(Host(engine=pair.second.ssh))) as client:
        told = at_once(lambda _: client.version()["Version"], range(40))
    assert told == [docker.from_env().version()["Version"]] * 40


def test_hosts_are_checked_by_the_command(pair: Pair) -> None:
    version = docker.from_env().version()["Version"]
    done = pair.bench.fairlead("check", "dev")
    for name in pair.names:
        assert f"ok      dev: host {name}: Docker {version}\n" in done.stdout


def test_images_come_by_digest_from_a_registry_with_tls_and_a_password(
    pair: Pair, engine: docker.DockerClient, images: Images, state: State
) -> None:
    bench, name = pair.bench, f"{pair.bench.project}-registry"
    secure = start_secure_registry(engine, images.registry, print, state=state, name=name)
    try:
        assert secure.access is not None
        login = {"username": secure.access.user, "password": secure.access.password}
        sha = bench.push("v1")
        tag = f"{bench.project}/web:dev-{sha}"
        push(engine, f"{bench.registry}/{tag}", f"{secure.address}/{tag}", login)
        pair.first.forward(secure.port)
        bench.environ.update(REGISTRY_USER=login["username"], REGISTRY_PASSWORD=login["password"])
        access = {"username": "env:REGISTRY_USER", "password": "env:REGISTRY_PASSWORD"}
        ca = str(secure.access.authority)
        registry = {"host": secure.address, "insecure": None, "ca": ca, **access}
        pair.configure(pair.hosts[:1], registry=registry)

        release = bench.release(sha)

        assert (release.state, pair.asked(pair.first)) == (ReleaseState.SUCCEEDED, "v1")
        with closing(pair.first.client()) as client:
            running = client.containers.get(f"{bench.project}-dev-web-{release.id}-1")
            reference = running.attrs["Config"]["Image"]
        assert reference.startswith(f"{secure.address}/{bench.project}/web@sha256:")
    finally:
        stop_service(engine, name)
