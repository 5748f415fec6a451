"""Pulling images by digest."""

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
