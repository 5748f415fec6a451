"""What the tests share: one engine, registry, PostgreSQL and Prefect server for the whole run.

They are started by whichever worker of the run needs them first, under names of this run only, and
taken away when the run ends. Unit tests cannot open sockets.
"""

import gc
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import psycopg
import pytest
from hypothesis import HealthCheck, settings
from prefect.events.worker import EventsWorker

from examples.stand.containers import published_port, stop_service
from examples.stand.engine import answering_engine, ensure_engine
from examples.stand.images import Images, ensure_images
from examples.stand.postgres import Postgres, create_database, start_postgres
from examples.stand.prefect_server import (
    PrefectServer,
    client_environment,
    start_prefect_server,
    stop_prefect_server,
)
from examples.stand.registry import Registry, start_registry
from examples.stand.state import State, machine_lock
from fairlead.store import schema
from tests.bench.bench import Bench, free_port
from tests.bench.images import base_image
from tests.bench.stores import TEMPLATE, own_store

RUN = "FAIRLEAD_TEST_RUN"
ALONE = Path(__file__).parent / "unit"  # these depend on nothing else
# How long an example takes is a matter of what else the machine does.
settings.register_profile("ours", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ours")


def pytest_configure(config: pytest.Config) -> None:
    """The run's name is drawn by its first process and inherited by pytest-xdist's workers."""
    os.environ.setdefault(RUN, uuid.uuid4().hex[:8])


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs real engines, servers and browsers, on a machine that three tests share, is tried
    once more where it fails; the run's last lines name what was."""
    for item in items:
        if not item.path.is_relative_to(ALONE):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_collection_finish() -> None:
    """What is imported stays to the end: the garbage collector need not look at it again."""
    gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Only the process that drew the name takes everything away."""
    if hasattr(config, "workerinput") or not _home().exists():
        return
    state = State(_home())
    EventsWorker.drain_all(timeout=5)  # while there is somebody to take what it holds
    stop_prefect_server(state)
    engine = answering_engine()
    if engine is not None:
        _remove_images(engine)
        for name in (_name("registry"), _name("postgres")):
            stop_service(engine, name)
        engine.close()
    shutil.rmtree(state.home, ignore_errors=True)


def _remove_images(engine: docker.DockerClient) -> None:
    """Those that were made for this run's registry."""
    found = engine.containers.list(filters={"name": f"^/{_name('registry')}$"})
    addresses = tuple(f"127.0.0.1:{published_port(registry, 5000)}/" for registry in found)
    for image in engine.images.list() if addresses else []:
        for tag in image.tags:
            if tag.startswith(addresses):
                engine.images.remove(tag, force=True)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Sockets are for tests that need a service."""
    if "tests/unit" in item.path.as_posix():
        from pytest_socket import disable_socket

        disable_socket(allow_unix_socket=True)


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    from pytest_socket import enable_socket

    enable_socket()


def _home() -> Path:
    return Path(tempfile.gettempdir()) / f"fairlead-test-{os.environ[RUN]}"


def _name(service: str) -> str:
    return f"fairlead-test-{os.environ[RUN]}-{service}"


@pytest.fixture(scope="session")
def state() -> State:
    return State(_home())


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    client = ensure_engine(print)
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(engine: docker.DockerClient) -> Images:
    return ensure_images(engine, print)


@pytest.fixture(scope="session")
def registry(engine: docker.DockerClient, images: Images) -> Registry:
    return start_registry(engine, images.registry, print, name=_name("registry"))


@pytest.fixture(scope="session")
def postgres(engine: docker.DockerClient, images: Images, state: State) -> Postgres:
    return start_postgres(engine, images.postgres, print, state=state, name=_name("postgres"))


@pytest.fixture(scope="session")
def store_template(postgres: Postgres) -> str:
    """A database with the store's schema, to be cloned for each test."""
    with machine_lock(f"{postgres.name}-template"):
        url = create_database(postgres, TEMPLATE, role="store", password="store")
        with psycopg.connect(url) as connection:
            current = schema.is_current(connection)
        if not current:
            schema.migrate(url)
    return url


@pytest.fixture
def store_url(postgres: Postgres, store_template: str) -> Iterator[str]:
    """A store of this test's own."""
    with own_store(postgres, store_template) as url:
        yield url


@pytest.fixture(scope="session")
def prefect_server(postgres: Postgres, state: State) -> PrefectServer:
    """One server for the run, on PostgreSQL: SQLite answers 503 to runs back to back."""
    with machine_lock(_name("prefect")):
        known = state.folder("prefect-port") / "port"
        if not known.exists():
            known.write_text(str(free_port()))
        database = create_database(postgres, "prefect", role="prefect", password="prefect")
        return start_prefect_server(database, print, port=int(known.read_text()), state=state)


@pytest.fixture(scope="session")
def app(engine: docker.DockerClient, images: Images) -> str:
    """The bench's application, without a version."""
    with machine_lock("fairlead-test-app"):
        return base_image(engine, images.python)


@pytest.fixture
def bench(
    engine: docker.DockerClient,
    images: Images,
    registry: Registry,
    app: str,
    store_url: str,
    prefect_server: PrefectServer,
    state: State,
    tmp_path: Path,
) -> Iterator[Bench]:
    """A project of this test's own, whose flows the run's Prefect server keeps."""
    made = Bench(
        project=f"t{uuid.uuid4().hex[:8]}",
        folder=tmp_path,
        engine=engine,
        registry=registry.address,
        base=app,
        store_url=store_url,
        proxy_image=images.caddy,
        port=free_port(),
        environ={**client_environment(prefect_server, state), "PREFECT_LOGGING_LEVEL": "WARNING"},
    )
    yield made
    made.clean()
