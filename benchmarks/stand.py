"""What the benchmarks of releases run on; everything is removed afterwards."""

import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker

from examples.shop.build import Version, build
from examples.stand.containers import stop_service
from examples.stand.engine import ensure_engine
from examples.stand.images import Images, ensure_images
from examples.stand.postgres import Postgres, create_database, start_postgres
from examples.stand.prefect_server import (
    PrefectServer,
    client_environment,
    start_prefect_server,
    stop_prefect_server,
)
from examples.stand.registry import Registry, start_registry
from examples.stand.state import State
from fairlead.store import schema
from tests.bench.bench import Bench, free_port
from tests.bench.images import base_image
from tests.bench.shop import DOMAIN, Shop, close_shop, open_shop


@dataclass(frozen=True)
class Ground:
    """What any project stands on. `store` is the URL of a store without releases."""

    run: str
    engine: docker.DockerClient
    images: Images
    registry: Registry
    postgres: Postgres
    prefect: PrefectServer
    state: State
    store: str

    @property
    def environ(self) -> dict[str, str]:
        """What a process needs to find Prefect."""
        return client_environment(self.prefect, self.state)

    def bench(self, **given: Any) -> Bench:
        """A project of one service with nothing released; its caller cleans it."""
        usual = {
            "project": f"b{uuid.uuid4().hex[:8]}",
            "folder": self.state.folder("project"),
            "base": base_image(self.engine, self.images.python),
            "registry": self.registry.address,
            "port": free_port(),
            "proxy_image": self.images.caddy,
        }
        environ = {**self.environ, **given.pop("environ", {})}
        return Bench(
            engine=self.engine, store_url=self.store, environ=environ, **{**usual, **given}
        )


@contextmanager
def ground() -> Iterator[Ground]:
    with ExitStack() as after:
        home = after.enter_context(tempfile.TemporaryDirectory(prefix="fairlead-benchmark-"))
        state, run = State(Path(home)), f"fairlead-benchmark-{uuid.uuid4().hex[:8]}"
        engine = ensure_engine(say)
        after.callback(engine.close)
        images = ensure_images(engine, say)
        registry = start_registry(engine, images.registry, say, name=f"{run}-registry")
        after.callback(stop_service, engine, f"{run}-registry")
        postgres = start_postgres(engine, images.postgres, say, state=state, name=f"{run}-postgres")
        after.callback(stop_service, engine, f"{run}-postgres")
        database = create_database(postgres, "prefect", role="prefect", password="prefect")
        prefect = start_prefect_server(database, say, port=free_port(), state=state)
        after.callback(stop_prefect_server, state)
        store = create_database(postgres, "store", role="store", password="store")
        schema.migrate(store)
        yield Ground(run, engine, images, registry, postgres, prefect, state, store)


@dataclass(frozen=True)
class Stand:
    """A shop with nothing released, and what it stands on. `registry` is host:port."""

    shop: Shop
    engine: docker.DockerClient
    images: Images
    registry: str
    versions: Mapping[str, Version]

    def settings(self) -> dict[str, str]:
        """The environment of its back end, for a container that Fairlead does not start."""
        return {
            "DATABASE_URL": self.shop.environ["SHOP_DEV_DATABASE_URL"],
            "SECRET_KEY": self.shop.environ["SHOP_DEV_SECRET_KEY"],
            "ALLOWED_HOSTS": f".{DOMAIN}",
            "SHOP_DOMAIN": DOMAIN,
        }


@contextmanager
def standing(versions: Sequence[str]) -> Iterator[Stand]:
    with ground() as below:
        built = build(
            below.registry.address,
            below.images.python,
            below.images.caddy,
            below.state.folder("shop"),
            versions=versions,
            wheels=below.images.made_here,
            say=say,
        )
        shop = open_shop(
            below.engine,
            below.postgres,
            built,
            project=f"s{uuid.uuid4().hex[:8]}",
            folder=below.state.folder("project"),
            registry=below.registry.address,
            base="",
            store_url=below.store,
            proxy_image=below.images.caddy,
            environ=below.environ,
        )
        try:
            yield Stand(shop, below.engine, below.images, below.registry.address, built)
        finally:
            close_shop(below.engine, below.postgres, shop)


def say(line: str) -> None:
    print(line, flush=True)
