"""What the contract tests speak to: real registries, one of each kind for the whole run."""

from collections.abc import Iterator
from pathlib import Path

import bcrypt
import docker
import pytest

from examples.stand.images import Images
from tests.contract.certificates import Authority, make_authority
from tests.contract.loopback import Asked
from tests.contract.registries import FOLDER, Target, files_of, running_registry, tls
from tests.contract.tokens import ISSUER, SERVICE, token_server

USER, PASSWORD = "releaser", "pa:ss wörd/+%"


@pytest.fixture(scope="session")
def registry_image(images: Images) -> str:
    """An image whose entry point takes `serve <config file>`, as docker.io/library/registry:2."""
    return images.registry


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def other_authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """One that signed nothing that runs."""
    return make_authority(tmp_path_factory.mktemp("other-authority"))


@pytest.fixture(scope="session")
def plain(engine: docker.DockerClient, registry_image: str) -> Iterator[Target]:
    with running_registry(engine, registry_image, {}, {}) as host:
        yield Target(host)


@pytest.fixture(scope="session")
def secured(
    engine: docker.DockerClient, registry_image: str, authority: Authority
) -> Iterator[Target]:
    """TLS and a password."""
    line = f"{USER}:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n"
    htpasswd = {"realm": "contract", "path": f"{FOLDER}/htpasswd"}
    extra = {"http": tls(authority), "auth": {"htpasswd": htpasswd}}
    files = {**files_of(authority), "htpasswd": line.encode()}
    with running_registry(engine, registry_image, extra, files) as host:
        yield Target(host, str(authority.ca), USER, PASSWORD)


@pytest.fixture(scope="session")
def tokens_asked() -> list[Asked]:
    """What the token server was asked."""
    return []


@pytest.fixture(scope="session")
def behind_tokens(
    engine: docker.DockerClient,
    registry_image: str,
    authority: Authority,
    tokens_asked: list[Asked],
) -> Iterator[Target]:
    """TLS and bearer tokens of a token server."""
    with token_server(authority, {USER: PASSWORD}, tokens_asked) as server:
        token = {
            "realm": f"https://{server}/token?account=contract",
            "service": SERVICE,
            "issuer": ISSUER,
            "rootcertbundle": f"{FOLDER}/{Path(authority.ca).name}",
        }
        extra = {"http": tls(authority), "auth": {"token": token}}
        with running_registry(engine, registry_image, extra, files_of(authority)) as host:
            yield Target(host, str(authority.ca), USER, PASSWORD)
