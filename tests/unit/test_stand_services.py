"""Services: what is asked of the engine for each of them, and what clients get to know."""

import io
import ssl
import tarfile
from pathlib import Path

import bcrypt
from cryptography import x509

from examples.stand.certificates import ensure_certificate
from examples.stand.containers import Service, archive_of
from examples.stand.postgres import Postgres, postgres_service
from examples.stand.registry import (
    Access,
    Registry,
    htpasswd_line,
    registry_config,
    registry_service,
    secure_files,
)
from examples.stand.state import State


def test_postgres_password_is_in_a_file_only() -> None:
    service = postgres_service(
        name="stand-postgres", image="postgres:17", port=None, password="secret", durable=True
    )
    assert service == Service(
        name="stand-postgres",
        image="postgres:17",
        command=(
            *("-c", "listen_addresses=*"),
            *("-c", "max_connections=200"),
            *("-c", "shared_buffers=128MB"),
        ),
        port=5432,
        environment={
            "POSTGRES_PASSWORD_FILE": "/etc/stand-postgres-password",
            "POSTGRES_INITDB_ARGS": "--locale=C.UTF-8 --encoding=UTF8",
        },
        files={"/etc/stand-postgres-password": "secret"},
        shared_memory=2**30,
    )
    assert "secret" not in repr(service)


def test_postgres_that_need_not_last_does_not_sync() -> None:
    service = postgres_service(
        name="p", image="postgres:17", port=5433, password="secret", durable=False
    )
    assert service.command[6:] == (
        *("-c", "fsync=off"),
        *("-c", "synchronous_commit=off"),
        *("-c", "full_page_writes=off"),
    )
    assert service.environment["POSTGRES_INITDB_ARGS"].endswith(" --no-sync")
    assert service.published == 5433


def test_urls_quote_what_needs_it_and_the_password_is_not_shown() -> None:
    server = Postgres("stand-postgres", "127.0.0.1", 5433, "p@ss/word")
    assert server.url("shop") == "postgresql://postgres:p%40ss%2Fword@127.0.0.1:5433/shop"
    assert "p@ss" not in repr(server)


def test_service_started_from_other_settings_has_another_digest() -> None:
    first = registry_service(name="r", image="registry:2", port=None)
    same = registry_service(name="r", image="registry:2", port=None)
    assert first.digest == same.digest
    assert registry_service(name="r", image="registry:2", port=5001).digest != first.digest


def test_open_registry_allows_deleting() -> None:
    assert registry_config(secure=False) == {
        "version": "0.1",
        "log": {"level": "warn"},
        "storage": {
            "filesystem": {"rootdirectory": "/var/lib/registry"},
            "delete": {"enabled": True},
        },
        "http": {"addr": ":5000"},
    }


def test_secure_registry_has_tls_and_a_password(tmp_path: Path) -> None:
    state = State(tmp_path)
    certificate = ensure_certificate("r", state)
    access = Access("stand", "secret", certificate.authority)
    files = secure_files(certificate, htpasswd_line(access, tmp_path / "ht"))

    config = registry_config(secure=True)
    assert config["auth"] == {
        "htpasswd": {"realm": "stand", "path": "/etc/docker/registry/htpasswd"}
    }
    assert config["http"]["tls"] == {
        "certificate": "/etc/docker/registry/server.pem",
        "key": "/etc/docker/registry/server.key",
    }
    user, hashed = files["/etc/docker/registry/htpasswd"].strip().split(":")
    assert user == "stand"
    assert bcrypt.checkpw(b"secret", hashed.encode())
    assert htpasswd_line(access, tmp_path / "ht") == files["/etc/docker/registry/htpasswd"]


def test_registry_address_is_what_references_start_with() -> None:
    registry = Registry("r", "127.0.0.1", 5001)
    assert (registry.address, registry.url) == ("127.0.0.1:5001", "http://127.0.0.1:5001")
    access = Access("stand", "secret", Path("/ca.pem"))
    assert Registry("r", "127.0.0.1", 5001, access).url == "https://127.0.0.1:5001"


def test_certificate_is_issued_once_for_loopback_by_its_authority(tmp_path: Path) -> None:
    files = ensure_certificate("r", State(tmp_path))
    certificate = x509.load_pem_x509_certificate(files.certificate.read_bytes())
    authority = x509.load_pem_x509_certificate(files.authority.read_bytes())
    certificate.verify_directly_issued_by(authority)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(name.value) for name in names] == ["localhost", "127.0.0.1"]
    ssl.create_default_context(cafile=str(files.authority))

    again = ensure_certificate("r", State(tmp_path))
    assert x509.load_pem_x509_certificate(again.certificate.read_bytes()) == certificate


def test_files_are_laid_at_their_paths_and_readable_for_the_service() -> None:
    with tarfile.open(fileobj=io.BytesIO(archive_of({"/etc/a/b": "text"}))) as archive:
        member = archive.getmember("etc/a/b")
        content = archive.extractfile(member)
        assert content is not None
        assert (content.read(), member.mode) == (b"text", 0o444)
