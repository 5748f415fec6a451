"""What a release of the shop is without a release tool: two scripts that do only what has to be.

`Straight` resolves, pulls, migrates, starts the new containers beside the old ones, waits until
they are healthy, has the proxy switch, looks through it, and stops the old ones: the same Docker
and PostgreSQL operations as Fairlead's, one after the other, and nothing is recorded or undone.
`Sleeping` is the script that many teams have: pull, migrate, rm -f, run, sleep 10, a loop of curl.
"""

import json
import time
import uuid
from collections.abc import Mapping
from functools import partial
from typing import Any

import docker
import httpx
from docker.models.containers import Container

from benchmarks.stand import Stand
from fairlead.engine.target import archive
from tests.bench.bench import free_port
from tests.bench.shop import DOMAIN
from tests.bench.waiting import until

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MIGRATE = ["python", "manage.py", "migrate_schemas", "--noinput"]
PORTS = {"backend": 8000, "frontend": 8080}
HEALTH = {"backend": "/healthz", "frontend": "/version.json"}
LOOKED_AT = ("/version.json", "/api/products")
SOAK = 1  # seconds, as in the config of the shop that Fairlead releases
CONFIG = "etc/caddy.json"


class Straight:
    """`address` is where the proxy answers."""

    def __init__(self, stand: Stand) -> None:
        self._stand, self._engine = stand, stand.engine
        self._name = f"{stand.shop.project}-straight"
        self._labels = {"fairlead.project": stand.shop.project}
        self._serving: dict[str, Container] = {}
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        self._proxy = proxy(stand, f"{self._name}-proxy", port, {})

    def change(self, version: str) -> None:
        found = {service: self._pulled(service, version) for service in PORTS}
        self._migrate(found["backend"])
        started = {service: self._started(service, image) for service, image in found.items()}
        for service, container in started.items():
            url = f"http://{address_of(container)}:{PORTS[service]}{HEALTH[service]}"
            until(partial(answers, url), seconds=60)
        self._switch(started)
        for path in LOOKED_AT:
            assert answers(f"{self.address}{path}")
        time.sleep(SOAK)
        for old in self._serving.values():
            old.stop(timeout=35)
        self._serving = started

    def _pulled(self, service: str, version: str) -> str:
        registry, repository = self._stand.registry, f"shop/{service}"
        tag = f"dev-{self._stand.versions[version].sha}"
        url = f"http://{registry}/v2/{repository}/manifests/{tag}"
        asked = httpx.head(url, headers={"Accept": MANIFEST}, trust_env=False)
        digest = asked.raise_for_status().headers["Docker-Content-Digest"]
        self._engine.api.pull(f"{registry}/{repository}@{digest}")
        return f"{registry}/{repository}@{digest}"

    def _migrate(self, image: str) -> None:
        self._engine.containers.run(
            image, MIGRATE, remove=True, labels=self._labels, **container_of(self._stand)
        )

    def _started(self, service: str, image: str) -> Container:
        name = f"{self._name}-{service}-{uuid.uuid4().hex[:8]}"
        return self._engine.containers.run(
            image, name=name, labels=self._labels, detach=True, **container_of(self._stand)
        )

    def _switch(self, to: Mapping[str, Container]) -> None:
        upstreams = {name: f"{container.name}:{PORTS[name]}" for name, container in to.items()}
        self._proxy.put_archive("/", archive({CONFIG: caddy_config(upstreams)}))
        code, said = self._proxy.exec_run(["caddy", "reload", "--config", f"/{CONFIG}"])
        assert code == 0, said


class Sleeping:
    """`address` is where the proxy answers."""

    def __init__(self, stand: Stand) -> None:
        self._stand, self._engine = stand, stand.engine
        self._name = f"{stand.shop.project}-sleeping"
        self._labels = {"fairlead.project": stand.shop.project}
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        upstreams = {name: f"{self._name}-{name}:{port}" for name, port in PORTS.items()}
        proxy(stand, f"{self._name}-proxy", port, upstreams)

    def change(self, version: str) -> None:
        sha = self._stand.versions[version].sha
        images = {name: f"{self._stand.registry}/shop/{name}:dev-{sha}" for name in PORTS}
        for image in images.values():
            self._engine.api.pull(image)
        given = container_of(self._stand)
        self._engine.containers.run(
            images["backend"], MIGRATE, remove=True, labels=self._labels, **given
        )
        for name, image in images.items():
            remove(self._engine, f"{self._name}-{name}")
            self._engine.containers.run(
                image, name=f"{self._name}-{name}", labels=self._labels, detach=True, **given
            )
        time.sleep(10)
        for path in LOOKED_AT:
            until(partial(answers, f"{self.address}{path}"), seconds=60)


def container_of(stand: Stand) -> dict[str, Any]:
    return {"network": stand.shop.data_network, "environment": stand.settings()}


def proxy(stand: Stand, name: str, port: int, upstreams: Mapping[str, str]) -> Container:
    made = stand.engine.containers.create(
        stand.images.caddy,
        ["caddy", "run", "--config", f"/{CONFIG}"],
        name=name,
        network=stand.shop.data_network,
        ports={"80/tcp": ("127.0.0.1", port)},
        labels={"fairlead.project": stand.shop.project},
    )
    made.put_archive("/", archive({CONFIG: caddy_config(upstreams)}))
    made.start()
    return made


def caddy_config(upstreams: Mapping[str, str]) -> bytes:
    paths = {"backend": ["/api/*", "/healthz"], "frontend": ["/*"]}
    routes = [
        {
            "match": [{"path": paths[name]}],
            "handle": [{"handler": "reverse_proxy", "upstreams": [{"dial": dial}]}],
        }
        for name, dial in sorted(upstreams.items())
    ]
    server = {"listen": [":80"], "automatic_https": {"disable": True}, "routes": routes}
    return json.dumps({"apps": {"http": {"servers": {"main": server}}}}).encode()


def address_of(container: Container) -> str:
    container.reload()
    (network,) = container.attrs["NetworkSettings"]["Networks"].values()
    return str(network["IPAddress"])


def answers(url: str) -> bool:
    try:
        return httpx.get(url, headers={"Host": DOMAIN}, trust_env=False, timeout=5).is_success
    except httpx.HTTPError:
        return False


def remove(engine: docker.DockerClient, name: str) -> None:
    for found in engine.containers.list(all=True, filters={"name": f"^/{name}$"}):
        found.remove(force=True)
