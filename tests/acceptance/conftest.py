"""The shop, built once for the run, and a browser."""

import tempfile
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import docker
import pytest

from examples.shop.build import Version, build
from examples.stand.debian import ensure_debian_packages
from examples.stand.images import Images
from examples.stand.postgres import Postgres
from examples.stand.prefect_server import PrefectServer, client_environment
from examples.stand.registry import Registry
from examples.stand.state import State, machine_lock
from tests.bench.bench import free_port
from tests.bench.browser import Browser, browser
from tests.bench.demo import ENVIRONMENTS, Demo
from tests.bench.shop import Shop, close_shop, open_shop
from tests.bench.stores import own_store

Shops = Callable[[Path], AbstractContextManager[Shop]]


@pytest.fixture(scope="session")
def versions(registry: Registry, images: Images, state: State) -> Mapping[str, Version]:
    """v1 to v4 of the shop, in the run's registry."""
    with machine_lock("fairlead-test-shop"):
        return build(
            registry.address,
            images.python,
            images.caddy,
            state.folder("shop"),
            wheels=images.made_here,
        )


@pytest.fixture
def desk(prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Browser]:
    """Where the release engineer sits."""
    ensure_debian_packages(["chromium"], print)
    shots = State.from_environment().folder("screenshots")
    with browser(prefect_server.ui_url, tmp_path / "chromium", shots) as opened:
        yield opened


@pytest.fixture(scope="session")
def shops(
    engine: docker.DockerClient,
    postgres: Postgres,
    images: Images,
    registry: Registry,
    versions: Mapping[str, Version],
    store_template: str,
    prefect_server: PrefectServer,
    state: State,
) -> Shops:
    """Opens a shop as a project of its own, in a folder, with nothing released."""
    environ = {**client_environment(prefect_server, state), "PREFECT_LOGGING_LEVEL": "WARNING"}

    @contextmanager
    def opened(folder: Path) -> Iterator[Shop]:
        with own_store(postgres, store_template) as store_url:
            shop = open_shop(
                engine,
                postgres,
                versions,
                project=f"s{uuid.uuid4().hex[:8]}",
                folder=folder,
                registry=registry.address,
                base="",
                store_url=store_url,
                proxy_image=images.caddy,
                environ=environ,
            )
            yield shop
            close_shop(engine, postgres, shop)

    return opened


@pytest.fixture
def shop(shops: Shops, tmp_path: Path) -> Iterator[Shop]:
    """One of this test's own."""
    with shops(tmp_path) as own:
        yield own


@pytest.fixture(scope="module")
def running_shop(shops: Shops, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """One that the tests of a file share; each leaves v1 running, as it was."""
    with shops(tmp_path_factory.mktemp("shop")) as own:
        own.release(own.sha("v1"))
        yield own


@pytest.fixture
def demo(
    engine: docker.DockerClient, registry: Registry, versions: Mapping[str, Version]
) -> Iterator[Demo]:
    """Of the run's own names. The run's registry is there first, because it runs from the base
    images, which `down` then keeps; the shop too, because the engine then knows its layers."""
    made = Demo(
        project=f"demo{uuid.uuid4().hex[:6]}",
        # Not pytest's folder, which every session of it closes to the user that PostgreSQL runs as.
        home=Path(tempfile.mkdtemp(prefix="fairlead-demo-")),
        registry=f"127.0.0.1:{free_port()}",
        prefect=free_port(),
        ports={name: free_port() for name in ENVIRONMENTS},
    )
    yield made
    if made.left(engine):
        made.run("down")
