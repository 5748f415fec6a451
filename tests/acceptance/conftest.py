"""The shop, built once for the run."""

import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path

import docker
import pytest

from examples.shop.build import Version, build
from examples.stand.images import Images
from examples.stand.postgres import Postgres
from examples.stand.prefect_server import PrefectServer, client_environment
from examples.stand.registry import Registry
from examples.stand.state import State, machine_lock
from tests.bench.shop import Shop, close_shop, open_shop


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
def shop(
    engine: docker.DockerClient,
    postgres: Postgres,
    images: Images,
    registry: Registry,
    versions: Mapping[str, Version],
    store_url: str,
    prefect_server: PrefectServer,
    state: State,
    tmp_path: Path,
) -> Iterator[Shop]:
    """The shop as a project of this test's own, with nothing released."""
    opened = open_shop(
        engine,
        postgres,
        versions,
        project=f"s{uuid.uuid4().hex[:8]}",
        folder=tmp_path,
        registry=registry.address,
        base="",
        store_url=store_url,
        proxy_image=images.caddy,
        environ={**client_environment(prefect_server, state), "PREFECT_LOGGING_LEVEL": "WARNING"},
    )
    yield opened
    close_shop(engine, postgres, opened)
