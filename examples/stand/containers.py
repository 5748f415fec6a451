"""Service containers: started once, reused by name, published on 127.0.0.1 only, removed whole.

A container carries a digest of what it was started from. One that runs from something else is
refused rather than silently reused or replaced.
"""

import hashlib
import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import docker
from docker.errors import NotFound
from docker.models.containers import Container

from examples.stand.errors import StandError
from examples.stand.state import Say, machine_lock

HOST = "127.0.0.1"
LABEL = "fairlead-stand"


@dataclass(frozen=True)
class Service:
    """What to run. `files` maps absolute paths in the container to contents; `shared_memory` is
    bytes, the engine's 64 MB where it is not given."""

    name: str
    image: str
    command: tuple[str, ...]
    port: int
    published: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict, repr=False)
    shared_memory: int | None = None

    @property
    def digest(self) -> str:
        parts = (self.image, self.command, self.port, self.published, self.shared_memory)
        contents = (sorted(self.environment.items()), sorted(self.files.items()))
        return hashlib.sha256(repr((parts, contents)).encode()).hexdigest()[:16]


def start_service(client: docker.DockerClient, service: Service, say: Say) -> Container:
    """The running container of that service, started where it is not there yet."""
    with machine_lock(f"container-{service.name}"):
        container = find_container(client, service.name)
        if container is None:
            say(f"Starting {service.name} from {service.image}")
            container = create_container(client, service)
        elif container.labels.get(LABEL) != service.digest:
            raise StandError(
                f"a container {service.name} is there already, started from other settings; "
                f"stop it first, for example with: docker rm --force --volumes {service.name}"
            )
        container.start()
        container.reload()
        return container


def create_container(client: docker.DockerClient, service: Service, **over: Any) -> Container:
    """`over` are options of the engine's client."""
    usual = {
        "command": list(service.command),
        "name": service.name,
        "environment": dict(service.environment),
        "labels": {LABEL: service.digest},
        "ports": {f"{service.port}/tcp": (HOST, service.published or 0)},
        "shm_size": service.shared_memory,
    }
    container = client.containers.create(service.image, **{**usual, **over})
    if service.files:
        container.put_archive("/", archive_of(service.files))
    return container


def archive_of(files: Mapping[str, str]) -> bytes:
    """Readable for all in the container: its services do not run as root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, text in files.items():
            content = text.encode()
            member = tarfile.TarInfo(path.lstrip("/"))
            member.size, member.mode = len(content), 0o444
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def find_container(client: docker.DockerClient, name: str) -> Container | None:
    try:
        return client.containers.get(name)
    except NotFound:
        return None


def stop_service(client: docker.DockerClient, name: str) -> None:
    """Removes the container and its data; safe to run twice."""
    with machine_lock(f"container-{name}"):
        container = find_container(client, name)
        if container is None:
            return
        if LABEL not in container.labels:
            raise StandError(f"the container {name} was not started by the stand; it is left alone")
        container.remove(force=True, v=True)


def attach(client: docker.DockerClient, container: Container, *, network: str, alias: str) -> None:
    """Makes the container reachable as `alias` in a Docker network; safe to run twice."""
    container.reload()
    if network not in container.attrs["NetworkSettings"]["Networks"]:
        client.networks.get(network).connect(container, aliases=[alias])


def published_port(container: Container, port: int) -> int:
    """As the engine chose it; the container has to run."""
    bindings = container.ports.get(f"{port}/tcp")
    if not bindings:
        raise StandError(
            f"{container.name} does not run; its last lines:\n{last_log_lines(container)}"
        )
    return int(bindings[0]["HostPort"])


def is_running(container: Container) -> bool:
    container.reload()
    return bool(container.status == "running")


def last_log_lines(container: Container) -> str:
    return container.logs(tail=20).decode(errors="replace")
