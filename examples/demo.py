"""`make demo`: a story in real releases on this machine; `stand` makes ready for it, with the first
version in dev; `down` takes every trace away.

Everything is what it is in earnest: an OCI registry, a Docker engine, PostgreSQL, a Prefect server
with a worker, and a Django application with a schema for each tenant.

Names and ports are those of examples/shop/fairlead.toml. Where they are taken, FAIRLEAD__… changes
them as for any project (FAIRLEAD__REGISTRY__HOST=127.0.0.1:5006), DEMO_PREFECT_PORT Prefect's, and
STAND_HOME the state folder.
"""

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import docker
import httpx

from examples.shop.build import ShopError, Version, build
from examples.stand.down import networks_of, postgres_of, registry_of, take_down
from examples.stand.engine import ensure_engine
from examples.stand.errors import StandError
from examples.stand.images import Images, ensure_images
from examples.stand.postgres import Postgres, attach_postgres, create_database, start_postgres
from examples.stand.prefect_server import PrefectServer, client_environment, start_prefect_server
from examples.stand.prefect_worker import deploy_all, ensure_work_pool, start_worker
from examples.stand.registry import start_registry
from examples.stand.state import REPOSITORY, State
from fairlead.config import Config, load
from fairlead.errors import FairleadError

CONFIG = REPOSITORY / "examples" / "shop" / "fairlead.toml"
PREFECT_PORT = int(os.environ.get("DEMO_PREFECT_PORT", "4200"))
RATE = 50  # requests a second while v2 is released


def main() -> None:
    way = {(): tell, ("stand",): make_ready, ("down",): down}.get(tuple(sys.argv[1:]))
    if way is None:
        sys.exit("usage: python -m examples.demo [stand | down]")
    try:
        way()
    except (StandError, ShopError, FairleadError) as error:
        sys.exit(f"error: {error}")


def tell() -> None:
    began = time.monotonic()
    stand = bring_up()
    heading("The stand is up", began)
    fairlead(stand, "check")
    story(stand)
    heading("The story is told", began)
    fairlead(stand, "status")
    print_addresses(stand)


def make_ready() -> None:
    """All that takes long the first time, and dev's database migrated."""
    began = time.monotonic()
    stand = bring_up()
    first_version(stand)
    heading("The stand is up, with v1 in dev", began)
    print_addresses(stand)


@dataclass(frozen=True)
class Stand:
    """What is up: the versions to release, and the environment in which `fairlead` runs."""

    state: State
    config: Config
    images: Images
    prefect: PrefectServer
    versions: dict[str, Version]
    environment: dict[str, str]


def bring_up() -> Stand:
    state, config = State.from_environment(), load(CONFIG)
    engine = ensure_engine(say)
    images = ensure_images(engine, say)
    registry = start_registry(
        engine, images.registry, say, name=registry_of(config), port=registry_port(config)
    )
    postgres = start_postgres(engine, images.postgres, say, state=state, name=postgres_of(config))
    have_networks(engine, config, postgres)
    secrets = make_secrets(state, config, postgres)
    with ThreadPoolExecutor() as pool:
        prefect = pool.submit(start_prefect, state, postgres, images, secrets)
        versions = pool.submit(
            build, registry.address, images.python, images.caddy, state.folder("shop"),
            wheels=images.made_here, say=say,
        )  # fmt: skip
        server = prefect.result()
        return Stand(
            state, config, images, server, versions.result(),
            {**client_environment(server, state), **fairlead_environment(state, images, secrets)},
        )  # fmt: skip


def registry_port(config: Config) -> int:
    return int(config.registry.host.rpartition(":")[2])


def have_networks(engine: docker.DockerClient, config: Config, postgres: Postgres) -> None:
    """Those of the config's environments, with PostgreSQL in them."""
    for name in networks_of(config):
        if not engine.networks.list(names=[f"^{name}$"]):
            engine.networks.create(name)
        attach_postgres(engine, postgres, network=name)


def make_secrets(state: State, config: Config, postgres: Postgres) -> dict[str, str]:
    """A database and a key for each environment; what the config calls env:…"""
    secrets = {"SHOP_MASKING_KEY": state.secret("shop-masking-key")}
    for name in config.environments:
        password = state.secret(f"shop-{name}-database")
        direct = create_database(postgres, f"shop_{name}", role=f"shop_{name}", password=password)
        inside = direct.replace(f"@{postgres.host}:{postgres.port}/", "@postgres:5432/")
        secrets[f"SHOP_{name.upper()}_DIRECT_URL"] = direct
        secrets[f"SHOP_{name.upper()}_DATABASE_URL"] = inside
        secrets[f"SHOP_{name.upper()}_SECRET_KEY"] = state.secret(f"shop-{name}-key")
    return secrets


def fairlead_environment(state: State, images: Images, secrets: dict[str, str]) -> dict[str, str]:
    return {
        **secrets,
        "FAIRLEAD_CONFIG": str(CONFIG),
        "FAIRLEAD_HOME": str(state.folder("fairlead")),
        "FAIRLEAD__PROXY__IMAGE": images.caddy,
    }


def start_prefect(
    state: State, postgres: Postgres, images: Images, secrets: dict[str, str]
) -> PrefectServer:
    """Server, deployments and worker; the server keeps its data in the shop's PostgreSQL."""
    database = create_database(
        postgres, "prefect", role="prefect", password=state.secret("prefect-database")
    )
    server = start_prefect_server(database, say, port=PREFECT_PORT, state=state)
    ensure_work_pool(server)
    deploy_all(REPOSITORY / "prefect.yaml", server, state=state)
    environment = fairlead_environment(state, images, secrets)
    start_worker(server, say, state=state, environment=environment)
    return server


def story(stand: Stand) -> None:
    sha = {name: version.sha for name, version in stand.versions.items()}
    heading("v1 to dev, and from there, the same digests, to uat and prod")
    first_version(stand)
    fairlead(stand, "promote", "dev", "uat", "--reason", "looks good")
    fairlead(stand, "promote", "uat", "prod", "--reason", "go")
    heading(f"v2, with new migrations, to dev, under {RATE} requests a second")
    dev = stand.config.environment("dev")
    with Steady(f"http://{dev.bind}:{dev.http_port}", dev.domain) as steady:
        fairlead(stand, "release", "dev", sha["v2"], "--reason", "the second version")
    say(f"{steady.answered} requests were answered meanwhile, {steady.lost} were lost")
    if steady.lost:
        raise StandError("requests were lost while v2 was released")
    heading("v3 has a bug that its container's health does not show: it is rolled back by itself")
    fairlead(stand, "release", "dev", sha["v3"], "--reason", "a mistake", ends_with=4)
    heading("v4 has a migration that fails: it never reaches a container")
    fairlead(stand, "release", "dev", sha["v4"], "--reason", "another one", ends_with=4)
    heading("All of it, from the store")
    fairlead(stand, "history", "--limit", "10")


def first_version(stand: Stand) -> None:
    """Where dev runs it already, Fairlead says so."""
    fairlead(stand, "release", "dev", stand.versions["v1"].sha, "--reason", "the first version")


class Steady:
    """GET /api/version again and again; lost is what got no answer, or none of the application."""

    def __init__(self, base: str, host: str) -> None:
        self._client = httpx.Client(
            base_url=base, headers={"Host": host}, timeout=15, trust_env=False
        )
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.answered = self.lost = 0

    def __enter__(self) -> "Steady":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()
        self._client.close()

    def _run(self) -> None:
        next_at = time.monotonic()
        while not self._end.is_set():
            self._one()
            next_at += 1 / RATE
            self._end.wait(max(0.0, next_at - time.monotonic()))

    def _one(self) -> None:
        try:
            good = self._client.get("/api/version").status_code == 200
        except httpx.HTTPError:
            good = False
        self.answered += good
        self.lost += not good


def fairlead(stand: Stand, *arguments: str, ends_with: int = 0) -> None:
    """Run the command as a person would; its exit code has to be the one that the story says."""
    say(f"$ fairlead {' '.join(arguments)}")
    command = [sys.executable, "-m", "fairlead", *arguments]
    code = subprocess.run(command, env=stand.environment, check=False).returncode
    if code != ends_with:
        raise StandError(f"fairlead {arguments[0]} ended with {code}, not {ends_with}")


def print_addresses(stand: Stand) -> None:
    made = "made here from Debian's packages" if stand.images.made_here else "pulled"
    print(f"\nThe base images were {made}. Look at it, in a browser on this machine:")
    for name, settings in stand.config.environments.items():
        print(f"  {name:<8} {settings.url}")
    print(f"  Prefect  {stand.prefect.ui_url}")
    print("And from here, after this line:")
    config = f"FAIRLEAD_CONFIG={CONFIG} FAIRLEAD_HOME={stand.state.home / 'fairlead'}"
    print(f"  export {config} PATH={REPOSITORY / '.venv' / 'bin'}:$PATH")
    print("  fairlead status; fairlead history dev; fairlead --verbose show 1")
    print("Take everything away again: make demo-down")


def down() -> None:
    take_down(State.from_environment(), load(CONFIG), say)


def heading(words: str, since: float | None = None) -> None:
    took = f" ({time.monotonic() - since:.0f} s)" if since else ""
    print(f"\n== {words}{took}", flush=True)


def say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    os.chdir(REPOSITORY)
    main()
