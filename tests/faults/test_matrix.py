"""Something goes wrong while releases are on their way: what has to hold holds, whatever it was."""

from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import docker
import pytest

from examples.stand.containers import stop_service
from examples.stand.images import Images
from examples.stand.postgres import Postgres, create_database, start_postgres
from examples.stand.prefect_server import client_environment
from examples.stand.registry import Registry
from examples.stand.state import State
from fairlead.store import schema
from tests.bench.bench import ENGINE, Bench, free_port
from tests.bench.dying import flow_process
from tests.bench.images import push
from tests.bench.second_engine import SecondEngine, second_engine
from tests.faults.cells import EVERYWHERE, Cell
from tests.faults.checking import Hit, Noted, Row, check
from tests.faults.clock import Clock
from tests.faults.faults import (
    Fault,
    Gateway,
    Prefect,
    clock_jumps,
    database_restarts,
    disk_full,
    engine_restarts,
    killed,
    network_cut,
    prefect_away,
    prefect_restarts,
    registry_away,
    same_again,
    store_restarts,
)
from tests.faults.ground import Place, Start, grounded

pytestmark = pytest.mark.xdist_group("faults")  # servers and engines are started once


def survived(
    bench: Bench,
    cells: list[Cell],
    fault: Fault,
    server: str,
    place: Place | None = None,
    start: Start = flow_process,
) -> list[Row]:
    """v1 runs everywhere, v2 is hit where the cells say, v3 comes after it."""
    since = datetime.now(UTC)
    with grounded(bench, cells, place, server) as ground:
        ground.release_all("v1")
        with ground.watched() as asking:
            with ground.held("v2", start) as held, ExitStack() as healing:
                healing.enter_context(fault.happens(held))
                held.let_go()
                free = held.over(fault.patience)
                healing.close()
                releases = held.releases()
            ground.release_all("v3")
            for one in asking.values():
                one.end()
        hits = {
            name: Hit(release.id, free[name], asking[name].answers, since)
            for name, release in releases.items()
        }
        rows = [check(ground, one, fault.name, hits[one.environment]) for one in cells]
    assert fault.loses or not [row for row in rows if row.lost], rows
    return rows


# -- the process, and who asks for it ----------------------------------------------------------


@pytest.mark.faults(whole=EVERYWHERE)
def test_kill_of_the_flow(
    bench: Bench, cells: list[Cell], postgres: Postgres, noted: Noted
) -> None:
    noted(survived(bench, cells, killed(), postgres.url()))


@pytest.mark.faults("after deploy", whole=EVERYWHERE)
def test_same_release_twice(
    bench: Bench, cells: list[Cell], postgres: Postgres, noted: Noted
) -> None:
    noted(survived(bench, cells, same_again(), postgres.url()))


@pytest.mark.parametrize("by", [timedelta(days=40), timedelta(hours=-3)], ids=["ahead", "back"])
@pytest.mark.faults("after migrate", whole=[["after preflight", "after migrate", "after deploy"]])
def test_jump_of_the_clock(
    bench: Bench, cells: list[Cell], by: timedelta, postgres: Postgres, tmp_path: Path, noted: Noted
) -> None:
    clock = Clock(tmp_path)
    fault = clock_jumps(clock, by)
    noted(survived(bench, cells, fault, postgres.url(), start=clock.process))


# -- what it talks to --------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frail(engine: docker.DockerClient, images: Images, state: State) -> Iterator[Postgres]:
    """A PostgreSQL server that may be restarted."""
    name = f"{state.home.name}-frail"
    yield start_postgres(engine, images.postgres, print, state=state, name=name, port=free_port())
    stop_service(engine, name)


@pytest.mark.faults("after pull_images", "after deploy", "before record", whole=EVERYWHERE)
def test_restart_of_the_store(
    bench: Bench, cells: list[Cell], frail: Postgres, postgres: Postgres, noted: Noted
) -> None:
    url = create_database(frail, bench.project, role="store", password="store")
    schema.migrate(url)
    bench.store_url = bench.environ["FAIRLEAD_STORE_URL"] = url
    fault = store_restarts(bench.engine, frail)
    noted(survived(bench, cells, fault, postgres.url()))


@pytest.mark.faults("during backup_database", "after migrate", whole=EVERYWHERE)
def test_restart_of_the_database(
    bench: Bench, cells: list[Cell], frail: Postgres, noted: Noted
) -> None:
    noted(survived(bench, cells, database_restarts(bench.engine, frail), frail.url()))


@pytest.fixture
def gateway(registry: Registry) -> Iterator[Gateway]:
    """To the registry."""
    made = Gateway(free_port(), registry.port)
    made.open()
    yield made
    made.close()


@pytest.mark.faults("after plan_migrations", "after record", whole=EVERYWHERE)
def test_registry_away(
    bench: Bench, cells: list[Cell], postgres: Postgres, gateway: Gateway, noted: Noted
) -> None:
    place = Place(ENGINE, bench.engine, config={"registry": {"host": gateway.address}})
    noted(survived(bench, cells, registry_away(gateway), postgres.url(), place))


@pytest.mark.faults("after deploy", whole=EVERYWHERE)
def test_restart_of_the_prefect_server(
    bench: Bench, cells: list[Cell], prefect: Prefect, postgres: Postgres, noted: Noted
) -> None:
    bench.environ |= client_environment(prefect.start(), prefect.home)
    fault = prefect_restarts(prefect.start, prefect.stop)
    noted(survived(bench, cells, fault, postgres.url()))


@pytest.mark.faults(whole=[["after preflight", "during migrate", "after deploy", "after record"]])
def test_prefect_server_away(
    bench: Bench, cells: list[Cell], prefect: Prefect, postgres: Postgres, noted: Noted
) -> None:
    bench.environ |= client_environment(prefect.start(), prefect.home)
    fault = prefect_away(prefect.start, prefect.stop)
    noted(survived(bench, cells, fault, postgres.url()))


# -- the hosts ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def host(registry: Registry) -> Iterator[SecondEngine]:
    with second_engine(registry.port) as made:
        made.make_keys()
        made.open_ssh()
        yield made
        made.clear()


@pytest.fixture(scope="module")
def small_host(registry: Registry) -> Iterator[SecondEngine]:
    with second_engine(registry.port, disk="1g") as made:
        yield made
        made.clear()


@pytest.fixture
def proxy(bench: Bench, images: Images) -> dict[str, str]:
    """Where every engine finds it."""
    return {"image": push(bench.engine, images.caddy, f"{bench.registry}/proxy:1")}


def on(host: SecondEngine, name: object, proxy: dict[str, str]) -> Place:
    """`name` is what the config calls it."""
    return Place(name, host.client(), "0.0.0.0", host.users, {"proxy": proxy})


@pytest.mark.faults("during migrate", "after deploy", whole=EVERYWHERE)
def test_restart_of_the_engine(
    bench: Bench,
    cells: list[Cell],
    postgres: Postgres,
    host: SecondEngine,
    proxy: dict[str, str],
    noted: Noted,
) -> None:
    place = on(host, {"engine": host.socket, "address": host.address}, proxy)
    noted(survived(bench, cells, engine_restarts(host), postgres.url(), place))


@pytest.mark.faults("during migrate", "during deploy", whole=EVERYWHERE)
def test_cut_of_the_network(
    bench: Bench,
    cells: list[Cell],
    postgres: Postgres,
    host: SecondEngine,
    proxy: dict[str, str],
    noted: Noted,
) -> None:
    bench.environ |= host.environ
    place = on(host, host.ssh, proxy)
    noted(survived(bench, cells, network_cut(host), postgres.url(), place))


FROM_THE_PULL_ON = [
    ["after pull_images", "during migrate", "after migrate", "during deploy"],
    ["after deploy", "after check_health", "after record", "after move_tags"],
]


@pytest.mark.faults(whole=FROM_THE_PULL_ON)
def test_full_disk(
    bench: Bench,
    cells: list[Cell],
    postgres: Postgres,
    small_host: SecondEngine,
    proxy: dict[str, str],
    noted: Noted,
) -> None:
    named = {"engine": small_host.socket, "address": small_host.address}
    place = on(small_host, named, proxy)
    noted(survived(bench, cells, disk_full(small_host), postgres.url(), place))
