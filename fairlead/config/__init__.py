"""fairlead.toml: what a project is and where it runs. Secrets are references, never values."""

from fairlead.config.database import BackupSettings, Database
from fairlead.config.environment import Environment, Host, Slack
from fairlead.config.github import Dispatch, GitHub
from fairlead.config.load import find, load, parse
from fairlead.config.masking import Masking, MaskingRule
from fairlead.config.migrations import Check, MigrationPolicy, Migrations
from fairlead.config.refresh import CarriedRows, RefreshSettings
from fairlead.config.schema import Config
from fairlead.config.services import Health, Proxy, Registry, RenderedFile, Route, Service, Smoke

__all__ = [
    "BackupSettings",
    "CarriedRows",
    "Check",
    "Config",
    "Database",
    "Dispatch",
    "Environment",
    "GitHub",
    "Health",
    "Host",
    "Masking",
    "MaskingRule",
    "MigrationPolicy",
    "Migrations",
    "Proxy",
    "RefreshSettings",
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
