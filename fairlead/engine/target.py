"""What is to run in an environment, and the containers that follow from it: pure."""

import io
import string
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from pydantic import SecretStr

from fairlead.config import Config, Environment, Service
from fairlead.errors import ConfigError
from fairlead.model import Image

LABEL = "fairlead."
PREVIEW = 0  # the origin of what no release is made for
LOGS = {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}}


@dataclass(frozen=True, slots=True)
class Target:
    """One SHA in one environment. `origin` is the release whose containers these are: a rollback
    starts those of the release it goes back to."""

    config: Config
    environment: str
    sha: str
    origin: int
    images: Mapping[str, Image]
    secrets: Mapping[str, SecretStr]

    @property
    def settings(self) -> Environment:
        return self.config.environment(self.environment)

    @property
    def prefix(self) -> str:
        return prefix(self.config, self.environment)

    def names(self, service: str) -> list[str]:
        """The containers of a service on one host."""
        replicas = self.config.services[service].replicas
        return [
            container_name(self.prefix, service, self.origin, at) for at in range(1, replicas + 1)
        ]

    def levels(self) -> Iterator[tuple[str, ...]]:
        """The services in the order of depends_on; those of one level start together."""
        order = TopologicalSorter(
            {name: service.depends_on for name, service in self.config.services.items()}
        )
        order.prepare()
        while order.is_active():
            level = order.get_ready()
            yield tuple(sorted(level))
            order.done(*level)


def prefix(config: Config, environment: str) -> str:
    return f"{config.project}-{environment}"


def container_name(prefix: str, service: str, origin: int, replica: int) -> str:
    return f"{prefix}-{service}-{origin}-{replica}"


def labels(config: Config, environment: str, role: str) -> dict[str, str]:
    """By these the containers of an environment are found again."""
    return {
        f"{LABEL}project": config.project,
        f"{LABEL}environment": environment,
        f"{LABEL}role": role,
    }


def variables(target: Target, service: Service) -> dict[str, str]:
    """The container's environment: the service's, the environment's over it, then secrets."""
    secrets = {name: target.secrets[name].get_secret_value() for name in service.secrets}
    return {
        "FAIRLEAD_ENVIRONMENT": target.environment,
        "FAIRLEAD_SHA": target.sha,
        "FAIRLEAD_DOMAIN": target.settings.domain,
        **service.env,
        **target.settings.env,
        **secrets,
    }


def volumes(target: Target, service: Service) -> list[str]:
    """Binds of the engine's API: a name becomes one of this environment, a path stays."""
    named = (
        volume if volume.startswith("/") else f"{target.prefix}-{volume}"
        for volume in service.volumes
    )
    return list(named)


def container(target: Target, name: str, replica: int) -> dict[str, Any]:
    """The arguments of docker.containers.create for one replica of the service `name`.

    It starts without a restart policy, so that one that exits at once is seen to have exited;
    once healthy it gets `always`.
    """
    service = target.config.services[name]
    return {
        "image": target.images[name].reference,
        "command": list(service.command) if service.command else None,
        "name": container_name(target.prefix, name, target.origin, replica),
        "hostname": f"{name}-{target.origin}-{replica}",
        "environment": variables(target, service),
        "volumes": volumes(target, service),
        "network": target.prefix,
        "init": True,
        "detach": True,
        "stop_signal": None,
        "security_opt": ["no-new-privileges:true"],
        "log_config": LOGS,
        "labels": {
            **labels(target.config, target.environment, "service"),
            f"{LABEL}service": name,
            f"{LABEL}origin": str(target.origin),
            f"{LABEL}sha": target.sha,
            f"{LABEL}digest": target.images[name].digest,
            f"{LABEL}port": str(service.port or ""),
            f"{LABEL}drain": str(service.drain),
            f"{LABEL}stop_grace": str(service.stop_grace),
        },
    }


def rendered(target: Target, service: str) -> dict[str, bytes]:
    """The small configuration files of a service, by path. Raises ConfigError for a ${NAME} that
    is neither in its environment nor one of ours."""
    fields = target.config.services[service]
    known = variables(target, fields)
    files = {}
    for at, file in enumerate(fields.files):
        try:
            text = string.Template(file.content or "").substitute(known)
        except (KeyError, ValueError) as error:
            where = f"services.{service}.files[{at}].content"
            raise ConfigError(
                "fairlead.toml", [f"{where}: cannot be rendered for {target.environment}: {error}"]
            ) from error
        files[file.path] = text.encode()
    return files


def archive(files: Mapping[str, bytes]) -> bytes:
    """A tar of the files, readable by everybody in the container, writable by nobody."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path, content in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.size, entry.mode = len(content), 0o444
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()
