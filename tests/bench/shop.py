"""The example application as a project of one test: its own config, its own database."""

import tomllib
from collections.abc import Mapping
from typing import Any

import docker
import httpx

from examples.shop.build import Version
from examples.stand.postgres import Postgres, attach_postgres, container_of, create_database
from examples.stand.state import REPOSITORY
from tests.bench.bench import Bench, free_port, merged

DOMAIN = "dev.shop.localhost"
CONFIG = REPOSITORY / "examples" / "shop" / "fairlead.toml"


class Shop(Bench):
    """The shop's own fairlead.toml, with the names, registry and port of this test."""

    versions: Mapping[str, Version]

    def usual(self) -> dict[str, Any]:
        config = tomllib.loads(CONFIG.read_text())
        here = {"http_port": self.port, "networks": [self.data_network], "soak": 1}
        return merged(
            config,
            {
                "project": self.project,
                "registry": {"host": self.registry},
                "proxy": {"image": self.proxy_image},
                "environments": {"dev": here, "uat": None, "prod": None},
            },
        )

    @property
    def data_network(self) -> str:
        """Where the containers find PostgreSQL.

        Its name comes after `bridge`: joined to one before that, PostgreSQL would be published
        through the new network, on another port.
        """
        return f"shop-{self.project}"

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def sha(self, version: str) -> str:
        return self.versions[version].sha

    def get(self, path: str = "/", port: int | None = None) -> httpx.Response:
        url = f"http://127.0.0.1:{port or self.port}{path}"
        return httpx.get(url, headers={"Host": DOMAIN}, timeout=15, trust_env=False)

    def serves(self, port: int | None = None) -> str:
        """The version that answers, by its commit."""
        found = self.get("/api/version", port).json()["revision"]
        return next(name for name, version in self.versions.items() if version.sha == found)


def open_shop(
    engine: docker.DockerClient, postgres: Postgres, versions: Mapping[str, Version], **given: Any
) -> Shop:
    """A shop with nothing released. `given` is what every Bench needs."""
    project = str(given["project"])
    direct = create_database(postgres, project, role=project, password="planted-database")
    inside = direct.replace(f"@{postgres.host}:{postgres.port}/", "@postgres:5432/")
    secrets = {
        "SHOP_DEV_DIRECT_URL": direct,
        "SHOP_DEV_DATABASE_URL": inside,
        "SHOP_DEV_SECRET_KEY": "planted-django-key",
    }
    environ = {**given.pop("environ"), **secrets}
    shop = Shop(engine=engine, port=free_port(), environ=environ, **given)
    shop.versions = versions
    engine.networks.create(shop.data_network, labels={"fairlead.project": project})
    attach_postgres(engine, postgres, network=shop.data_network)
    return shop


def close_shop(engine: docker.DockerClient, postgres: Postgres, shop: Shop) -> None:
    network = engine.networks.get(shop.data_network)
    network.disconnect(container_of(engine, postgres), force=True)
    shop.clean()
