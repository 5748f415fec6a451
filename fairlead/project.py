"""A project in use: its config with what the config names made real. The composition root."""

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import SecretStr

from fairlead.config import Config, Environment, Slack, load
from fairlead.engine.outside import Outside
from fairlead.engine.site import Site
from fairlead.engine.target import Target
from fairlead.errors import SecretMissing
from fairlead.model import Release
from fairlead.notify import SlackNotifier
from fairlead.redact import Redactor
from fairlead.registry import Registry
from fairlead.secrets import Loader, Secrets
from fairlead.store import Store, open_store


class Project:
    """The only place that knows the concrete adapters."""

    def __init__(self, config: Config, store: Store, secrets: Secrets) -> None:
        self.config = config
        self.store = store
        self.secrets = secrets
        self.redact = Redactor(())

    @classmethod
    def open(
        cls,
        path: Path,
        environ: Mapping[str, str] = os.environ,
        prefect_secret: Loader | None = None,
    ) -> "Project":
        """Raises ConfigError, StoreUnreachable."""
        return cls(load(path, environ), open_store(environ), Secrets(environ, prefect_secret))

    def close(self) -> None:
        self.store.close()

    def know_secrets(
        self, config: Config, environment: str, *, strict: bool = True
    ) -> dict[str, SecretStr]:
        """The environment's secrets; from now on `redact` hides them and the registry's password.

        Raises SecretMissing, unless `strict` is off.
        """
        values = self.secrets.of_environment(config, environment, strict=strict)
        login = self.login(config) if strict else None
        slack = config.environment(environment).notify.slack
        token = self._token(slack) if slack else None
        database = config.environment(environment).database
        direct = database.direct_url if database and strict else None
        way = self.secrets.resolve(direct) if direct else None
        others = (login[1] if login else None, token, way)
        hidden = [*values.values(), *(value for value in others if value is not None)]
        self.redact = Redactor(value.get_secret_value() for value in hidden)
        return values

    def _token(self, slack: Slack) -> SecretStr | None:
        """None where it is missing: whoever wants to tell says so, and no release fails for it."""
        try:
            return self.secrets.resolve(slack.token)
        except SecretMissing:
            return None

    def dispatch_secrets(self) -> list[SecretStr]:
        """Those of GitHub's webhook. Raises SecretMissing."""
        rules = self.config.dispatch
        return [self.secrets.resolve(reference) for reference in rules.secrets] if rules else []

    def login(self, config: Config) -> tuple[str, SecretStr] | None:
        """Name and password for the registry. Raises SecretMissing."""
        registry = config.registry
        if registry.username is None or registry.password is None:
            return None
        username = self.secrets.resolve(registry.username).get_secret_value()
        return username, self.secrets.resolve(registry.password)

    def registry(self, config: Config) -> Registry:
        username, password = self.login(config) or (None, None)
        return Registry(
            config.registry.host,
            insecure=config.registry.insecure,
            username=username,
            password=password,
            ca=config.registry.ca,
        )

    def slack(self, slack: Slack) -> SlackNotifier:
        """Raises SecretMissing, NotificationFailed."""
        return SlackNotifier(self.secrets.resolve(slack.token), slack.channel, slack.api)

    def sites(self, config: Config, environment: str) -> list[Site]:
        """Every host of the environment. Raises HostUnreachable."""
        hosts = config.environment(environment).hosts
        return [
            Site(config, environment, host, redact=self.redact, login=lambda: self.login(config))
            for host in hosts
        ]

    def outside(self, settings: Environment, site: Site) -> Outside:
        authority = site.proxy.internal_authority() if settings.tls == "internal" else None
        return Outside(settings, site.address, authority, self.redact)

    def target_of(self, release: Release) -> Target:
        """What a recorded release ran, with the config it was made with; secrets that are gone
        are missed only when a container has to be made anew."""
        config = Config.model_validate(self.store.releases.config(release.id))
        return Target(
            config=config,
            environment=release.environment,
            sha=release.sha,
            origin=release.origin,
            images={image.service: image for image in self.store.ledger.images(release.id)},
            secrets=self.secrets.of_environment(config, release.environment, strict=False),
        )
