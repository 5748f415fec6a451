"""The images that everything is made of: pulled where the network allows it, made here otherwise.

`STAND_IMAGES=pull` or `STAND_IMAGES=make` forces one of the two.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from requests.exceptions import RequestException

from examples.stand import debian_images
from examples.stand.errors import StandError
from examples.stand.state import Say, machine_lock

PROBE_SECONDS = 10


@dataclass(frozen=True)
class Images:
    """References of images; those made here behave as the public ones where the stand uses them.

    `python` has `python3` with venv, `caddy` has the `caddy` command, `registry` takes
    `serve <config file>`, `postgres` takes options of the server and POSTGRES_PASSWORD_FILE.
    """

    python: str
    caddy: str
    registry: str
    postgres: str
    made_here: bool

    def references(self) -> list[str]:
        return [self.python, self.caddy, self.registry, self.postgres]


PUBLIC = Images(
    python="python:3.12-slim",
    caddy="caddy:2",
    registry="registry:2",
    postgres="postgres:17",
    made_here=False,
)


def made_images() -> Images:
    return Images(
        python=debian_images.APP.reference,
        caddy=debian_images.CADDY.reference,
        registry=debian_images.REGISTRY.reference,
        postgres=debian_images.POSTGRES.reference,
        made_here=True,
    )


def ensure_images(client: docker.DockerClient, say: Say) -> Images:
    """The images, at once where they are present; says whether they are pulled or made.

    Raises StandError when they can neither be pulled nor made.
    """
    choices = allowed_images()
    with machine_lock("images"):
        present = next((images for images in choices if all_present(client, images)), None)
        if present is not None:
            say(f"Images are here already: {describe(present)}")
            return present
        return get_images(client, choices, say)


def allowed_images() -> list[Images]:
    """In order of preference."""
    match os.environ.get("STAND_IMAGES", ""):
        case "":
            return [PUBLIC, made_images()]
        case "pull":
            return [PUBLIC]
        case "make":
            return [made_images()]
        case other:
            raise StandError(f'STAND_IMAGES should be "pull" or "make", got "{other}"')


def get_images(client: docker.DockerClient, choices: list[Images], say: Say) -> Images:
    if PUBLIC in choices:
        refusal = pull_all(client, say)
        if refusal is None:
            return PUBLIC
        if choices == [PUBLIC]:
            raise StandError(f"STAND_IMAGES=pull, but nothing can be pulled: {refusal}")
        say(f"Images cannot be pulled here: {refusal}")
    debian_images.make_all(client, say)
    return made_images()


def pull_all(client: docker.DockerClient, say: Say) -> str | None:
    """Pulls the public images; why not, where one of them cannot be had."""
    references = PUBLIC.references()
    try:
        probe_registry(references[0])
        say(f"Pulling images: {', '.join(references)}")
        with ThreadPoolExecutor(len(references)) as pool:
            list(pool.map(client.images.pull, references))
    except (DockerException, RequestException) as exc:
        return exc.explanation or str(exc) if isinstance(exc, APIError) else str(exc)
    return None


def probe_registry(reference: str) -> None:
    """Asks the engine for the manifest only, and not for longer than a network needs."""
    client = docker.from_env(timeout=PROBE_SECONDS)
    try:
        client.api.inspect_distribution(reference)  # type: ignore[no-untyped-call] # in its stubs
    finally:
        client.close()


def all_present(client: docker.DockerClient, images: Images) -> bool:
    return all(is_present(client, reference) for reference in images.references())


def is_present(client: docker.DockerClient, reference: str) -> bool:
    try:
        client.images.get(reference)
    except ImageNotFound:
        return False
    return True


def describe(images: Images) -> str:
    if images.made_here:
        return "made on this machine from Debian packages, and Caddy from PyPI"
    return ", ".join(images.references())
