"""What is to run, and the engine's requests that follow from it, whole."""

import io
import tarfile

import pytest

from fairlead.engine import target
from fairlead.engine.jobs import job
from fairlead.engine.target import Target
from fairlead.errors import ConfigError
from tests.bench.example import SHA, aimed


def test_containers_are_named_for_the_release_they_are_of() -> None:
    assert aimed().names("backend") == ["shop-dev-backend-7-1", "shop-dev-backend-7-2"]


def test_services_start_after_those_they_depend_on() -> None:
    assert list(aimed().levels()) == [("backend",), ("frontend", "worker")]


def test_a_container_gets_what_the_config_says() -> None:
    assert target.container(aimed(), "backend", 2) == {
        "image": "registry.example/shop/backend@sha256:backend",
        "command": None,
        "name": "shop-dev-backend-7-2",
        "hostname": "backend-7-2",
        "environment": {
            "FAIRLEAD_ENVIRONMENT": "dev",
            "FAIRLEAD_SHA": SHA,
            "FAIRLEAD_DOMAIN": "dev.shop.example",
            "MODE": "service",
            "LEVEL": "debug",
            "DATABASE_URL": "postgresql://planted",
        },
        "volumes": ["shop-dev-media:/srv/media", "/etc/ssl:/etc/ssl:ro"],
        "network": "shop-dev",
        "init": True,
        "detach": True,
        "stop_signal": None,
        "security_opt": ["no-new-privileges:true"],
        "log_config": {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
        "labels": {
            "fairlead.project": "shop",
            "fairlead.environment": "dev",
            "fairlead.role": "service",
            "fairlead.service": "backend",
            "fairlead.origin": "7",
            "fairlead.sha": SHA,
            "fairlead.digest": "sha256:backend",
            "fairlead.port": "8000",
            "fairlead.drain": "12.0",
            "fairlead.stop_grace": "35.0",
        },
    }


def test_a_worker_gets_no_port_and_no_secret_it_does_not_ask_for() -> None:
    made = target.container(aimed(), "worker", 1)
    assert made["command"] == ["celery", "worker"]
    assert made["labels"]["fairlead.port"] == ""
    assert "DATABASE_URL" not in made["environment"]


def test_a_job_gets_the_digest_the_secrets_and_the_lock_time_out() -> None:
    here = aimed(environments={"dev": {"env": {"PGOPTIONS": "-c search_path=a"}}})
    made = job(here, "backend", ["python", "manage.py", "migrate"], 1.5)
    assert made == {
        "image": "registry.example/shop/backend@sha256:backend",
        "command": ["python", "manage.py", "migrate"],
        "environment": {
            "FAIRLEAD_ENVIRONMENT": "dev",
            "FAIRLEAD_SHA": SHA,
            "FAIRLEAD_DOMAIN": "dev.shop.example",
            "MODE": "service",
            "LEVEL": "debug",
            "DATABASE_URL": "postgresql://planted",
            "PGOPTIONS": "-c search_path=a -c lock_timeout=1500",
        },
        "volumes": ["shop-dev-media:/srv/media", "/etc/ssl:/etc/ssl:ro"],
        "network": "shop-dev",
        "init": True,
        "detach": True,
        "security_opt": ["no-new-privileges:true"],
        "log_config": {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
        "labels": {
            "fairlead.project": "shop",
            "fairlead.environment": "dev",
            "fairlead.role": "job",
            "fairlead.service": "backend",
            "fairlead.origin": "7",
        },
    }


# -- files rendered into a container ---------------------------------------------------------


def with_file(content: str) -> Target:
    return aimed(services={"backend": {"files": [{"path": "/srv/env.json", "content": content}]}})


def test_a_file_knows_the_container_s_environment() -> None:
    here = with_file("${FAIRLEAD_ENVIRONMENT} ${FAIRLEAD_DOMAIN} $LEVEL $$HOME ${DATABASE_URL}")
    assert target.rendered(here, "backend") == {
        "/srv/env.json": b"dev dev.shop.example debug $HOME postgresql://planted"
    }


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("${COLOUR}", "'COLOUR'"),
        ("$", "Invalid placeholder in string: line 1, col 1"),
    ],
)
def test_a_file_that_cannot_be_rendered_is_named(content: str, why: str) -> None:
    with pytest.raises(ConfigError) as caught:
        target.rendered(with_file(content), "backend")
    assert caught.value.problems == (
        f"services.backend.files[0].content: cannot be rendered for dev: {why}",
    )


def test_files_are_put_into_a_container_to_be_read_only() -> None:
    packed = target.archive({"/srv/a.json": b"{}", "/etc/b": b"two"})
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        entries = [
            (entry.name, oct(entry.mode), (tar.extractfile(entry) or io.BytesIO()).read())
            for entry in tar
        ]
    assert entries == [("srv/a.json", "0o444", b"{}"), ("etc/b", "0o444", b"two")]
