"""Takes away what the demo left: processes, containers, networks, volumes, images, state."""

import shutil
from collections.abc import Iterable
from contextlib import suppress
from fnmatch import fnmatch

import docker
from docker.errors import APIError, ImageNotFound
from docker.models.images import Image

from examples.stand.engine import answering_engine
from examples.stand.prefect_server import stop_prefect_server
from examples.stand.prefect_worker import stop_worker
from examples.stand.state import Say, State
from fairlead.config import Config
from fairlead.store import embedded

BASES = "fairlead-stand/*"
STAGES = "fairlead.example=shop"  # the label of what builds left without a name
CONFLICT = 409  # others are built on the image, or run from it


def registry_of(config: Config) -> str:
    """The name of the registry's container."""
    return f"{config.project}-registry"


def postgres_of(config: Config) -> str:
    """The name of PostgreSQL's container."""
    return f"{config.project}-postgres"


def networks_of(config: Config) -> list[str]:
    """The networks that the environments share with what is not Fairlead's."""
    return sorted({name for settings in config.environments.values() for name in settings.networks})


def take_down(state: State, config: Config, say: Say) -> None:
    """Safe to run twice, and when only half of it is there."""
    stop_worker(state)
    stop_prefect_server(state)
    embedded.stop(state.home / "fairlead" / "store")
    engine = answering_engine()
    kept = clear_engine(engine, config) if engine is not None else []
    shutil.rmtree(state.home, ignore_errors=True)
    say("The demo is gone: its processes, containers, networks, volumes, images and state.")
    if kept:
        say(f"What stays, because others are made from it: {', '.join(kept)}.")
    say("What stays: .venv, the Docker engine and the packages that apt-get installed.")


def clear_engine(engine: docker.DockerClient, config: Config) -> list[str]:
    """The base images that stay, because somebody else needs them."""
    label = f"fairlead.project={config.project}"
    mine = engine.containers.list(all=True, filters={"label": label})
    named = [
        found
        for name in (registry_of(config), postgres_of(config))
        for found in engine.containers.list(all=True, filters={"name": f"^/{name}$"})
    ]
    for container in [*mine, *named]:
        container.remove(force=True, v=True)
    labelled = engine.networks.list(filters={"label": label})
    shared = [
        found for name in networks_of(config) for found in engine.networks.list(names=[f"^{name}$"])
    ]
    for network in [*labelled, *shared]:
        network.remove()
    prefixes = tuple(f"{config.project}-{name}-" for name in config.environments)
    for volume in engine.volumes.list():
        if str(volume.name).startswith(prefixes):
            volume.remove(force=True)
    for service in config.services:
        remove_named(engine, config.image_repository(service))
    return remove_bases(engine)


def remove_named(engine: docker.DockerClient, repository: str) -> None:
    """By each of its names: an image that has another one too stays under that."""
    for image in engine.images.list(name=repository):
        for name in [*image.tags, *digests(image)]:
            if name.startswith((f"{repository}:", f"{repository}@")):
                with suppress(ImageNotFound):  # the digest goes with the last tag
                    engine.images.remove(name)


def digests(image: Image) -> Iterable[str]:
    found: Iterable[str] = image.attrs.get("RepoDigests") or ()
    return found


def remove_bases(engine: docker.DockerClient, pattern: str = BASES) -> list[str]:
    """Those that were made here, while no container runs from one of them: whoever uses one needs
    the others too. What is left is told, because somebody else's images are built on it."""
    bases = engine.images.list(name=pattern)
    if any(engine.api.containers(all=True, filters={"ancestor": str(base.id)}) for base in bases):
        return names_of(bases, pattern)
    engine.images.prune({"dangling": True, "label": STAGES})
    return names_of([base for base in bases if not is_removed(engine, base)], pattern)


def is_removed(engine: docker.DockerClient, image: Image) -> bool:
    try:
        engine.images.remove(str(image.id), force=True)
    except ImageNotFound:  # it went with another one
        return True
    except APIError as error:
        if error.status_code != CONFLICT:
            raise
        return False
    return True


def names_of(images: Iterable[Image], pattern: str) -> list[str]:
    return sorted(name for image in images for name in image.tags if fnmatch(name, pattern))
