"""Real registries in containers, and images pushed to them without Docker."""

import base64
import io
import json
import socket
import ssl
import tarfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

import docker
import httpx
from pydantic import SecretStr

from fairlead.registry import Registry
from fairlead.registry.answers import digest_of
from tests.contract.certificates import Authority

FOLDER = "/etc/contract"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def configuration(extra: Mapping[str, Any]) -> bytes:
    """A configuration of https://distribution.github.io/distribution/about/configuration/ as JSON,
    which is YAML too."""
    http = {"addr": ":5000", "secret": "contract", **extra.get("http", {})}
    rest = {key: value for key, value in extra.items() if key != "http"}
    storage = {"inmemory": {}, "delete": {"enabled": True}}
    whole = {"version": 0.1, "log": {"level": "warn"}, "storage": storage, "http": http, **rest}
    return json.dumps(whole).encode()


def tls(authority: Authority) -> dict[str, Any]:
    return {"tls": {"certificate": f"{FOLDER}/server.pem", "key": f"{FOLDER}/server.key"}}


def files_of(authority: Authority) -> dict[str, bytes]:
    return {
        path.name: path.read_bytes()
        for path in (authority.ca, authority.certificate, authority.key)
    }


@contextmanager
def running_registry(
    engine: docker.DockerClient, image: str, extra: Mapping[str, Any], files: Mapping[str, bytes]
) -> Iterator[str]:
    """host:port of a registry with `extra` in its configuration and `files` beside it."""
    container = engine.containers.create(
        image,
        ["serve", f"{FOLDER}/config.yml"],
        name=f"regdev-{uuid.uuid4().hex[:12]}",
        ports={"5000/tcp": ("127.0.0.1", 0)},
    )
    try:
        container.put_archive("/etc", _tar({**files, "config.yml": configuration(extra)}))
        container.start()
        container.reload()
        published = container.ports["5000/tcp"]
        assert published is not None
        port = int(published[0]["HostPort"])
        _wait_for(port, lambda: container.logs().decode())
        yield f"127.0.0.1:{port}"
    finally:
        container.remove(force=True, v=True)


def _tar(files: Mapping[str, bytes]) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(f"contract/{name}")
            entry.size, entry.mode = len(content), 0o644
            tar.addfile(entry, io.BytesIO(content))
    return archive.getvalue()


def _wait_for(port: int, logs: Callable[[], str]) -> None:
    # The engine's own proxy takes the connection before the registry listens: ask for bytes.
    for _ in range(300):
        try:
            with socket.create_connection(("127.0.0.1", port), 1) as connection:
                connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
                if connection.recv(1):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"The registry did not start:\n{logs()}")


@dataclass(frozen=True)
class Target:
    """A registry that runs, and who may push to it."""

    host: str
    ca: str | None = None
    username: str | None = None
    password: str | None = None

    def registry(self, **changes: Any) -> Registry:
        password = SecretStr(self.password) if self.password else None
        settings: dict[str, Any] = {
            "insecure": self.ca is None,
            "username": self.username,
            "password": password,
            "ca": self.ca,
        }
        return Registry(self.host, **{**settings, **changes})

    def pusher(self, bearer: str | None = None) -> httpx.Client:
        verify = ssl.create_default_context(cafile=self.ca) if self.ca else False
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        login = (self.username or "", self.password or "")
        return httpx.Client(
            base_url=f"{'https' if self.ca else 'http'}://{self.host}",
            auth=None if bearer or not self.username else login,
            headers=headers,
            verify=verify,
            trust_env=False,
        )


def push_blob(client: httpx.Client, image: str, raw: bytes) -> dict[str, Any]:
    """Descriptor of the blob (end-4b, end-6)."""
    begun = client.post(f"/v2/{image}/blobs/uploads/")
    begun.raise_for_status()
    place = httpx.URL(urljoin(str(begun.url), begun.headers["Location"]))
    sent = client.put(
        place.copy_merge_params({"digest": digest_of(raw)}),
        content=raw,
        headers={"Content-Type": "application/octet-stream"},
    )
    assert sent.status_code == 201, sent.text
    return {"digest": digest_of(raw), "size": len(raw)}


def push_manifest(
    client: httpx.Client, image: str, reference: str, content: Mapping[str, Any], media_type: str
) -> dict[str, Any]:
    # Indented as no client does: only the same bytes have the same digest.
    raw = json.dumps(content, indent=3).encode()
    sent = client.put(
        f"/v2/{image}/manifests/{reference or digest_of(raw)}",
        content=raw,
        headers={"Content-Type": media_type},
    )
    assert sent.status_code == 201, sent.text
    return {"mediaType": media_type, "digest": digest_of(raw), "size": len(raw)}


def push_image(
    client: httpx.Client,
    image: str,
    reference: str,
    *,
    revision: str | None = None,
    docker_types: bool = False,
    architecture: str = "amd64",
) -> dict[str, Any]:
    """Descriptor of an image of one tiny layer."""
    labels = {"Labels": {"org.opencontainers.image.revision": revision}} if revision else {}
    config = json.dumps(
        {
            "architecture": architecture,
            "os": "linux",
            "config": labels,
            "rootfs": {"type": "layers", "diff_ids": [digest_of(b"layer")]},
        }
    ).encode()
    kinds = (DOCKER_MANIFEST, DOCKER_CONFIG, DOCKER_LAYER)
    media_type, config_type, layer_type = (
        kinds if docker_types else (OCI_MANIFEST, OCI_CONFIG, OCI_LAYER)
    )
    content: dict[str, Any] = {
        "schemaVersion": 2,
        "config": {"mediaType": config_type, **push_blob(client, image, config)},
        "layers": [{"mediaType": layer_type, **push_blob(client, image, b"layer")}],
    }
    if docker_types:
        content["mediaType"] = media_type
    pushed = push_manifest(client, image, reference, content, media_type)
    return {**pushed, "platform": {"os": "linux", "architecture": architecture}}


def basic(username: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
