"""Images on a host: pulled by digest, listed, removed by name."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound
from pydantic import SecretStr

from fairlead.engine.connect import AWAY, engine_errors, reason
from fairlead.errors import ImageNotPulled
from fairlead.model import Image


def pull(
    client: docker.DockerClient, image: Image, host: str, login: tuple[str, SecretStr] | None
) -> bool:
    """Have the image on the host; False when it was there. Raises ImageNotPulled."""
    with engine_errors(host, f"look for {image.reference}"):
        try:
            client.images.get(image.reference)
        except ImageNotFound:
            pass
        else:
            return False
    try:
        _pull(client, image, login)
    except (DockerException, *AWAY) as error:
        raise ImageNotPulled(image.reference, host, reason(error)) from error
    return True


def _pull(client: docker.DockerClient, image: Image, login: tuple[str, SecretStr] | None) -> None:
    auth = {"username": login[0], "password": login[1].get_secret_value()} if login else None
    stream = client.api.pull(
        image.repository, tag=image.digest, stream=True, decode=True, auth_config=auth
    )
    for message in stream:  # an error in the middle comes inside the stream, with status 200
        if "error" in message:
            raise DockerException(str(message["error"]))


@dataclass(frozen=True, slots=True)
class ImageOnHost:
    """`names` are all of them, `repository:tag` and `repository@digest`; `size` is in bytes, those
    among them that it shares with other images; `used` where a container has it."""

    names: tuple[str, ...]
    size: int
    used: bool


def images_on(
    client: docker.DockerClient, host: str, *, without: Collection[str] = ()
) -> list[ImageOnHost]:
    """Every image there, as if the containers called `without` were gone.

    Raises HostUnreachable, EngineError.
    """
    with engine_errors(host, "list images"):
        containers = client.api.containers(all=True)
        listed = client.api.images()
    going = {f"/{name}" for name in without}
    used = {one["ImageID"] for one in containers if not going.intersection(one["Names"])}
    return [
        ImageOnHost(
            names=tuple(name for name in _names(one) if "<none>" not in name),
            size=int(one["Size"]),
            used=one["Id"] in used,
        )
        for one in listed
    ]


def _names(listed: Mapping[str, Any]) -> Iterator[str]:
    yield from listed["RepoDigests"] or ()
    yield from listed["RepoTags"] or ()


def names_to_take(image: ImageOnHost, not_needed: Collection[str]) -> list[str]:
    """By which an image that nobody needs is removed: those of `not_needed` (repository@digest),
    which come first, and its tags in the same repositories. Under another name it stays."""
    going = [name for name in image.names if name in not_needed]
    if image.used or not going:
        return []
    repositories = {name.partition("@")[0] for name in going}
    tags = [name for name in image.names if "@" not in name]
    return [*going, *(tag for tag in tags if tag.rpartition(":")[0] in repositories)]


def remove(client: docker.DockerClient, host: str, names: Iterable[str]) -> None:
    """Take these names from their image, which goes with its last one; again changes nothing.

    Raises HostUnreachable, EngineError.
    """
    for name in names:
        with engine_errors(host, f"remove {name}"), suppress(ImageNotFound):
            client.api.remove_image(name)
