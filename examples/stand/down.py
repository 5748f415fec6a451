"""Takes away what the demo left: processes, containers, networks, volumes, images, state."""

import shutil

import docker

from examples.stand.engine import answering_engine
from examples.stand.prefect_server import stop_prefect_server
from examples.stand.prefect_worker import stop_worker
from examples.stand.state import Say, State
from fairlead.store import embedded

CONTAINERS = ("shop-registry", "shop-postgres")
NETWORK = "shop-data"
IMAGES = ("*/shop/backend", "*/shop/frontend", "fairlead-stand/*")


def take_down(state: State, say: Say) -> None:
    """Safe to run twice, and when only half of it is there."""
    stop_worker(state)
    stop_prefect_server(state)
    embedded.stop(state.home / "fairlead" / "store")
    engine = answering_engine()
    if engine is not None:
        clear_engine(engine)
    shutil.rmtree(state.home, ignore_errors=True)
    say("The demo is gone: its processes, containers, networks, volumes, images and state.")
    say("What stays: .venv, the Docker engine and the packages that apt-get installed.")


def clear_engine(engine: docker.DockerClient) -> None:
    mine = engine.containers.list(all=True, filters={"label": "fairlead.project=shop"})
    named = [
        found
        for name in CONTAINERS
        for found in engine.containers.list(all=True, filters={"name": f"^/{name}$"})
    ]
    for container in [*mine, *named]:
        container.remove(force=True, v=True)
    labelled = engine.networks.list(filters={"label": "fairlead.project=shop"})
    for network in [*labelled, *engine.networks.list(names=[f"^{NETWORK}$"])]:
        network.remove()
    for volume in engine.volumes.list():
        if str(volume.name).startswith(tuple(f"shop-{name}-" for name in ("dev", "uat", "prod"))):
            volume.remove(force=True)
    for pattern in IMAGES:
        for image in engine.images.list(name=pattern):
            engine.images.remove(str(image.id), force=True)
