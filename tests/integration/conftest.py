"""Databases to save: on the newest PostgreSQL, of the wheel, and on an older one, of Debian; and
one to refresh, for all tests of a module."""

import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from examples.stand.images import Images
from examples.stand.postgres import Postgres
from examples.stand.prefect_server import PrefectServer, client_environment
from examples.stand.registry import Registry
from examples.stand.state import State
from fairlead.store import embedded
from tests.bench.bench import Bench, free_port
from tests.bench.refreshed import Refreshed, refreshed
from tests.bench.saved import Saved, database_on
from tests.bench.stores import own_store


@pytest.fixture(scope="session")
def newest() -> Iterator[str]:
    """PostgreSQL 18, on a Unix socket, of the wheel. It runs as another user than root, and whoever
    starts pytest closes the folder of its temporary files to others."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        folder = Path(made) / "data"
        yield embedded.start(folder)
        embedded.stop(folder)


@pytest.fixture
def saved(
    store_url: str, newest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Saved]:
    monkeypatch.setenv("FAIRLEAD_HOME", str(tmp_path / "home"))
    with database_on(newest) as url:
        yield Saved(store_url, url, tmp_path)


@pytest.fixture
def older(
    store_url: str, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Saved]:
    """On the older server, which wants a password."""
    monkeypatch.setenv("FAIRLEAD_HOME", str(tmp_path / "home"))
    with database_on(postgres.url()) as url:
        yield Saved(store_url, url, tmp_path)


@pytest.fixture(scope="module")
def shared_uat(
    engine: docker.DockerClient,
    images: Images,
    registry: Registry,
    app: str,
    postgres: Postgres,
    store_template: str,
    prefect_server: PrefectServer,
    state: State,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Refreshed]:
    """With v1 released to it: to begin with that takes longer than many a test."""
    folder: Path = tmp_path_factory.mktemp("shared")
    with own_store(postgres, store_template) as store_url:
        bench = Bench(
            project=f"t{uuid.uuid4().hex[:8]}",
            folder=folder,
            engine=engine,
            registry=registry.address,
            base=app,
            store_url=store_url,
            proxy_image=images.caddy,
            port=free_port(),
            environ={
                **client_environment(prefect_server, state),
                "PREFECT_LOGGING_LEVEL": "WARNING",
            },
        )
        try:
            with refreshed(bench, postgres, rows=50) as made:
                yield made
        finally:
            bench.clean()
