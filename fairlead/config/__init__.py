"""fairlead.toml: what a project is and where it runs. Secrets are references, never values."""

from fairlead.config.load import find, load, parse
from fairlead.config.schema import (
    Config,
    Database,
    Dispatch,
    Environment,
    Health,
    Host,
    Migrations,
    Proxy,
    Registry,
    RenderedFile,
    Route,
    Service,
    Slack,
    Smoke,
)

__all__ = [
    "Config",
    "Database",
    "Dispatch",
    "Environment",
    "Health",
    "Host",
    "Migrations",
    "Proxy",
    "Registry",
    "RenderedFile",
    "Route",
    "Service",
    "Slack",
    "Smoke",
    "find",
    "load",
    "parse",
]
