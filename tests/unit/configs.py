"""A fairlead.toml of the tests, and what is different in one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from fairlead.config import Config, parse
from fairlead.errors import ConfigError
from tests.bench.bench import merged

SHOP = Path(__file__).parents[2] / "examples/shop/fairlead.toml"


def in_dev(**over: Any) -> dict[str, Any]:
    return {"environments": {"dev": over}}


def in_prod(**over: Any) -> dict[str, Any]:
    return {"environments": {"prod": over}}


DISPATCH = {"secrets": ["env:S"], "repositories": ["acme/shop"]}
GITHUB = {"repository": "owner/shop", "token": "env:T"}
CHECKED = in_dev(require_checks=["test"])


def usual(**over: Any) -> dict[str, Any]:
    """Two services in two environments, with `over` merged into it."""
    whole = {
        "project": "shop",
        "registry": {"host": "registry.example"},
        "services": {
            "backend": {
                "image": "shop/backend",
                "port": 8000,
                "routes": [{"path": "/api"}],
                "secrets": ["DATABASE_URL", "KEY"],
            },
            "frontend": {
                "image": "shop/frontend",
                "port": 8080,
                "routes": [{"path": "/"}],
                "depends_on": ["backend"],
            },
        },
        "environments": {
            "dev": {
                "hosts": ["unix:///var/run/docker.sock"],
                "domain": "dev.example",
                "database": {"url": "env:DEV_URL"},
                "secrets": {"KEY": "env:DEV_KEY"},
            },
            "prod": {
                "hosts": ["ssh://deploy@one.example", {"engine": "ssh://deploy@two.example:2222"}],
                "domain": "www.example",
                "database": {"url": "env:URL", "via": "ssh://deploy@one.example"},
                "secrets": {"KEY": "file:/run/key"},
                "promotes_from": "dev",
            },
        },
    }
    return merged(whole, over)


def problems(raw: Mapping[str, Any], folder: Path | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(raw, source="fairlead.toml", folder=folder)
    return list(caught.value.problems)


def config(**over: Any) -> Config:
    return parse(usual(**over), source="fairlead.toml")
