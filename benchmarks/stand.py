"""What the benchmarks of the shop's releases run on; everything is removed afterwards."""

import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import docker

from examples.shop.build import Version, build
from examples.stand.containers import stop_service
from examples.stand.engine import ensure_engine
from examples.stand.images import Images, ensure_images
from examples.stand.postgres import create_database, start_postgres
from examples.stand.prefect_server import (
    PrefectServer,
    client_environment,
    start_prefect_server,
    stop_prefect_server,
)
from examples.stand.registry import start_registry
from examples.stand.state import State
from fairlead.store import schema
from tests.bench.bench import free_port
from tests.bench.shop import DOMAIN, Shop, close_shop, open_shop


@dataclass(frozen=True)
class Stand:
    """A shop with nothing released, and what it stands on. `registry` is host:port."""

    shop: Shop
    engine: docker.DockerClient
    images: Images
    registry: str
    versions: Mapping[str, Version]
    prefect: PrefectServer
    state: State

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
        built = build(
            registry.address,
            images.python,
            images.caddy,
            state.folder("shop"),
            versions=versions,
            wheels=images.made_here,
            say=say,
        )
        shop = open_shop(
            engine,
            postgres,
            built,
            project=f"s{uuid.uuid4().hex[:8]}",
            folder=state.folder("project"),
            registry=registry.address,
            base="",
            store_url=store,
            proxy_image=images.caddy,
            environ=client_environment(prefect, state),
        )
        after.callback(close_shop, engine, postgres, shop)
        yield Stand(shop, engine, images, registry.address, built, prefect, state)


def say(line: str) -> None:
    print(line, flush=True)
