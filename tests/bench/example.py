"""A project in an environment as the unit tests of requests need it: nothing of it is there."""

from typing import Any

from pydantic import SecretStr

from fairlead.config import Config, parse
from fairlead.engine.target import Target
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
        name: Image(name, read.image_repository(name), f"dev-{SHA}", f"sha256:{name}")
        for name in read.services
    }
    secrets = {"DATABASE_URL": SecretStr("postgresql://planted")}
    return Target(read, "dev", SHA, 7, images, secrets)
