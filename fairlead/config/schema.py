"""The shape of fairlead.toml: frozen models, unknown keys refused."""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from pydantic import Field

from fairlead.config.environment import POLICY, Environment
from fairlead.config.github import Dispatch, GitHub
from fairlead.config.kinds import Model, Name, Seconds, TimeZone
from fairlead.config.masking import Masking
from fairlead.config.migrations import Check, Migrations
from fairlead.config.services import Proxy, Registry, Service, Smoke
from fairlead.errors import UnknownEnvironment, UnknownService

NOT_OF_A_RELEASE = ("checks", "dispatch", "github", "keep_releases", "masking", "time_zone")


class Config(Model):
    """One project."""

    project: Name
    """Its name begins the names of its containers, networks and volumes."""
    github: GitHub | None = None
    """Where its code is."""
    registry: Registry
    """Where its images are."""
    proxy: Proxy = Proxy()
    """What stands before its containers."""
    services: Mapping[Name, Service] = Field(min_length=1)
    """By name."""
    migrations: Migrations = Migrations()
    """What brings its databases to a release."""
    smoke: tuple[Smoke, ...] = (Smoke(),)
    """Requests that have to be answered well, through the proxy, once a release serves."""
    checks: tuple[Check, ...] = ()
    """What has to be true of its data after each migration."""
    environments: Mapping[Name, Environment] = Field(min_length=1)
    """By name."""
    dispatch: Dispatch | None = None
    """What GitHub may start."""
    masking: Masking | None = None
    """What becomes of each column when data leaves production."""
    lease_ttl: Seconds = 30
    """After how many seconds without a heartbeat whoever changes an environment counts as dead."""
    time_zone: TimeZone = "UTC"
    """That of freeze windows and schedules."""
    keep_releases: int = Field(default=5, ge=1, le=1000)
    """Of how many releases of each environment `prune` leaves the images; what runs now is one."""

    def environment(self, name: str) -> Environment:
        """Raises UnknownEnvironment."""
        if name not in self.environments:
            raise UnknownEnvironment(name, list(self.environments))
        return self.environments[name]

    def service(self, name: str) -> Service:
        """Raises UnknownService."""
        if name not in self.services:
            raise UnknownService(name, list(self.services))
        return self.services[name]

    def image_repository(self, service: str) -> str:
        return f"{self.registry.host}/{self.service(service).image}"

    @property
    def migration_service(self) -> str:
        """The service whose image migrates: the one named, else the only one, else `backend`."""
        if self.migrations.service:
            return self.migrations.service
        return next(iter(self.services)) if len(self.services) == 1 else "backend"

    def snapshot(self) -> dict[str, Any]:
        """What a release runs with as JSON, to be kept with it; secrets are references.

        Policy is no part of it: that of today holds for whatever is released or gone back to.
        """
        policy = {name: set(POLICY) for name in self.environments}
        others = dict.fromkeys(NOT_OF_A_RELEASE, True)
        return self.model_dump(mode="json", exclude={**others, "environments": policy})

    def recorded(self, snapshot: Mapping[str, Any]) -> "Config":
        """A release's config as `snapshot` has it, with today's policy. Raises ValidationError."""
        then = Config.model_validate(snapshot)
        kept = {name: self._with_policy(name, of) for name, of in then.environments.items()}
        today = {key: getattr(self, key) for key in NOT_OF_A_RELEASE}
        return then.model_copy(update={**today, "environments": kept})

    def _with_policy(self, name: str, then: Environment) -> Environment:
        now = self.environments.get(name, then)
        return then.model_copy(update={key: getattr(now, key) for key in POLICY})

    def digest(self, environment: str) -> str:
        """A SHA-256 of what decides how `environment` runs; changed policy does not change it."""
        whole = self.snapshot()
        here = whole["environments"][environment]
        relevant = {
            "registry": whole["registry"]["host"],
            "proxy": whole["proxy"],
            "services": whole["services"],
            "environment": here,
        }
        text = json.dumps(relevant, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
