"""What is to run, and the engine's and the proxy's requests that follow from it, whole."""

import io
import tarfile
from typing import Any

import pytest
from pydantic import SecretStr

from fairlead.config import Config, parse
from fairlead.engine import proxy, target
from fairlead.engine.jobs import job
from fairlead.engine.target import Target
from fairlead.errors import ConfigError
from fairlead.model import Image
from tests.bench.bench import merged, sha_of

SHA = sha_of("v1")


def config(**over: Any) -> Config:
    usual = {
        "project": "shop",
        "registry": {"host": "registry.example"},
        "services": {
            "backend": {
                "image": "shop/backend",
                "port": 8000,
                "routes": [{"path": "/api"}, {"path": "/admin/"}],
                "env": {"MODE": "service", "LEVEL": "info"},
                "secrets": ["DATABASE_URL"],
                "volumes": ["media:/srv/media", "/etc/ssl:/etc/ssl:ro"],
                "replicas": 2,
                "stop_grace": 35,
                "drain": 12,
            },
            "frontend": {
                "image": "shop/frontend",
                "port": 8080,
                "routes": [{"path": "/"}, {"path": "/", "domain": "zoo.shop.example"}],
                "depends_on": ["backend"],
            },
            "worker": {
                "image": "shop/backend",
                "command": ["celery", "worker"],
                "depends_on": ["backend"],
            },
        },
        "environments": {
            "dev": {
                "hosts": ["unix:///var/run/docker.sock"],
                "domain": "dev.shop.example",
                "env": {"LEVEL": "debug"},
                "database": {"url": "env:URL"},
            }
        },
    }
    return parse(merged(usual, over), source="f")


def aimed(**over: Any) -> Target:
    read = config(**over)
    images = {
        name: Image(name, read.repository(name), f"dev-{SHA}", f"sha256:{name}")
        for name in read.services
    }
    secrets = {"DATABASE_URL": SecretStr("postgresql://planted")}
    return Target(read, "dev", SHA, 7, images, secrets)


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


# -- the proxy -------------------------------------------------------------------------------


def forwarded(host: str, path: list[str] | None, *upstreams: str) -> dict[str, Any]:
    match: dict[str, Any] = {"host": [host], **({"path": path} if path else {})}
    return {
        "match": [match],
        "handle": [
            {
                "handler": "reverse_proxy",
                "upstreams": [{"dial": upstream} for upstream in upstreams],
                "load_balancing": {
                    "selection_policy": {"policy": "least_conn"},
                    "try_duration": "5s",
                },
                "transport": {"protocol": "http", "keep_alive": {"idle_timeout": "1s"}},
            }
        ],
        "terminal": True,
    }


BACKEND = ("shop-dev-backend-7-1:8000", "shop-dev-backend-7-2:8000")
NOT_FOUND = {
    "handle": [{"handler": "static_response", "status_code": 404, "body": "There is nothing here."}]
}


def test_the_longest_path_is_asked_first() -> None:
    assert proxy.routes(aimed()) == [
        forwarded("dev.shop.example", ["/admin/", "/admin/*"], *BACKEND),
        forwarded("dev.shop.example", ["/api", "/api/*"], *BACKEND),
        forwarded("dev.shop.example", None, "shop-dev-frontend-7-1:8080"),
        forwarded("zoo.shop.example", None, "shop-dev-frontend-7-1:8080"),
        NOT_FOUND,
    ]


def test_a_domain_that_is_named_is_asked_before_the_wildcard_it_would_fall_under() -> None:
    here = aimed(environments={"dev": {"aliases": ["shop.example", "*.shop.example"]}})
    asked = [(route.get("match", [{}])[0]) for route in proxy.routes(here)]
    domains = ["dev.shop.example", "shop.example"]
    assert asked == [
        {"host": domains, "path": ["/admin/", "/admin/*"]},
        {"host": domains, "path": ["/api", "/api/*"]},
        {"host": domains},
        {"host": ["zoo.shop.example"]},
        {"host": ["*.shop.example"], "path": ["/admin/", "/admin/*"]},
        {"host": ["*.shop.example"], "path": ["/api", "/api/*"]},
        {"host": ["*.shop.example"]},
        {},
    ]


def apps(tls: str) -> dict[str, Any]:
    settings = config(environments={"dev": {"tls": tls}}).environment("dev")
    return proxy.apps(settings, [NOT_FOUND])


def test_without_tls_the_proxy_answers_plain_http() -> None:
    server = {
        "listen": [":80"],
        "routes": [proxy.ONE_REQUEST, NOT_FOUND],
        "automatic_https": {"disable": True},
    }
    assert apps("off") == {"http": {"servers": {"main": server}}}


def test_with_tls_the_proxy_gets_its_certificates_by_itself() -> None:
    http = {
        "http": {
            "servers": {"main": {"listen": [":443"], "routes": [proxy.ONE_REQUEST, NOT_FOUND]}}
        }
    }
    assert apps("auto") == http
    own = {"automation": {"policies": [{"issuers": [{"module": "internal"}]}]}}
    untrusted = {"certificate_authorities": {"local": {"install_trust": False}}}
    assert apps("internal") == {**http, "tls": own, "pki": untrusted}


def test_where_nothing_was_released_the_proxy_says_so() -> None:
    (only,) = proxy.nothing()
    assert only["handle"] == [
        {
            "handler": "static_response",
            "status_code": 503,
            "body": "Nothing has been released here.",
        }
    ]


def proxy_container(**settings: Any) -> dict[str, Any]:
    return proxy.container(config(environments={"dev": settings}), "dev")


def test_the_proxy_s_container_publishes_http_and_https() -> None:
    made = proxy_container()
    spec = made["labels"].pop("fairlead.spec")
    assert len(spec) == 64
    assert made == {
        "image": "caddy:2",
        "command": ["caddy", "run", "--config", "/etc/fairlead-caddy.json", "--resume"],
        "name": "shop-dev-proxy",
        "network": "shop-dev",
        "environment": {"XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"},
        "volumes": ["shop-dev-proxy-config:/config", "shop-dev-proxy-data:/data"],
        "ports": {"80/tcp": ("0.0.0.0", 80), "443/tcp": ("0.0.0.0", 443)},
        "restart_policy": {"Name": "always"},
        "log_config": {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
        "detach": True,
        "labels": {
            "fairlead.project": "shop",
            "fairlead.environment": "dev",
            "fairlead.role": "proxy",
        },
    }


def test_the_proxy_is_made_anew_only_when_its_own_settings_change() -> None:
    spec = proxy_container()["labels"]["fairlead.spec"]
    assert proxy_container(soak=1, env={"A": "b"})["labels"]["fairlead.spec"] == spec
    assert proxy_container(http_port=8080)["labels"]["fairlead.spec"] != spec


def test_without_tls_the_proxy_publishes_http_only() -> None:
    made = proxy_container(tls="off", bind="127.0.0.1", http_port=8101)
    assert made["ports"] == {"80/tcp": ("127.0.0.1", 8101)}
