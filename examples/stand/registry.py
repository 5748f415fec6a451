"""An OCI registry in a container: open, or with TLS and a password as teams have it.

Configuration: https://distribution.github.io/distribution/about/configuration/
"""

import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bcrypt
import docker
import httpx

from examples.stand.certificates import Certificate, ensure_certificate
from examples.stand.containers import (
    HOST,
    Service,
    is_running,
    last_log_lines,
    published_port,
    start_service,
)
from examples.stand.state import Say, State, machine_lock, write_private
from examples.stand.waiting import wait_until

PORT = 5000
FOLDER = "/etc/docker/registry"
CONFIG = f"{FOLDER}/config.yml"
USER = "stand"


@dataclass(frozen=True)
class Access:
    """What a secure registry asks of its clients."""

    user: str
    password: str = field(repr=False)
    authority: Path


@dataclass(frozen=True)
class Registry:
    """How to reach the registry from this machine; `access` is None for an open one."""

    name: str
    host: str
    port: int
    access: Access | None = None

    @property
    def address(self) -> str:
        """What image references start with."""
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{'https' if self.access else 'http'}://{self.address}"


def start_registry(
    client: docker.DockerClient,
    image: str,
    say: Say,
    *,
    name: str = "stand-registry",
    port: int | None = None,
) -> Registry:
    """A running registry without TLS or password; Docker engines allow that on 127.0.0.0/8."""
    return start(client, registry_service(name=name, image=image, port=port), None, say)


def start_secure_registry(
    client: docker.DockerClient,
    image: str,
    say: Say,
    *,
    state: State,
    name: str = "stand-secure-registry",
    port: int | None = None,
) -> Registry:
    """A running registry with TLS and basic authentication; its `access` says how to get in."""
    certificate = ensure_certificate(name, state)
    access = Access(USER, state.secret(name), certificate.authority)
    files = secure_files(certificate, htpasswd_line(access, state.folder("secrets") / f"{name}.ht"))
    service = registry_service(name=name, image=image, port=port, secure=files)
    return start(client, service, access, say)


def start(
    client: docker.DockerClient, service: Service, access: Access | None, say: Say
) -> Registry:
    container = start_service(client, service, say)
    registry = Registry(service.name, HOST, published_port(container, PORT), access)
    wait_until(
        lambda: answers(registry),
        what=f"the registry in container {service.name}",
        seconds=30,
        alive=lambda: is_running(container),
        log=lambda: last_log_lines(container),
    )
    return registry


def registry_service(
    *, name: str, image: str, port: int | None, secure: Mapping[str, str] | None = None
) -> Service:
    config = json.dumps(registry_config(secure=secure is not None), indent=2)  # JSON is YAML
    return Service(
        name=name,
        image=image,
        command=("serve", CONFIG),
        port=PORT,
        published=port,
        files={CONFIG: config, **(secure or {})},
    )


def registry_config(*, secure: bool) -> dict[str, Any]:
    http: dict[str, Any] = {"addr": f":{PORT}"}
    config: dict[str, Any] = {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": "/var/lib/registry"},
            "delete": {"enabled": True},
        },
        "http": http,
    }
    if secure:
        http["tls"] = {"certificate": f"{FOLDER}/server.pem", "key": f"{FOLDER}/server.key"}
        config["auth"] = {"htpasswd": {"realm": "stand", "path": f"{FOLDER}/htpasswd"}}
    return config


def secure_files(certificate: Certificate, htpasswd: str) -> dict[str, str]:
    return {
        f"{FOLDER}/server.pem": certificate.certificate.read_text(),
        f"{FOLDER}/server.key": certificate.key.read_text(),
        f"{FOLDER}/htpasswd": htpasswd,
    }


def htpasswd_line(access: Access, kept: Path) -> str:
    """Salted, so kept: a registry started again from the same password is the same registry."""
    with machine_lock("htpasswd"):
        if not kept.exists():
            hashed = bcrypt.hashpw(access.password.encode(), bcrypt.gensalt(rounds=5))
            write_private(kept, f"{access.user}:{hashed.decode()}\n")
    return kept.read_text()


def answers(registry: Registry) -> bool:
    access = registry.access
    verify = ssl.create_default_context(cafile=str(access.authority)) if access else True
    auth = (access.user, access.password) if access else None
    try:
        return httpx.get(f"{registry.url}/v2/", verify=verify, auth=auth, timeout=2).is_success
    except httpx.TransportError:
        return False
