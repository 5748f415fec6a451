"""A project in use: its config with what the config names made real. The composition root.

What speaks to hosts and to the registry is imported with the first that is spoken to: docker and
httpx take longer to import than a look into the store.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import SecretStr

from fairlead.config import Config, Environment, GitHub, Host, Slack, load
from fairlead.database.reach import asked
from fairlead.engine.target import Target
from fairlead.errors import GitHubError, SecretMissing
from fairlead.github import GitHubClient
from fairlead.model import Release
from fairlead.notify import GitHubNotifier, Sender, SlackNotifier
from fairlead.redact import Redactor
from fairlead.secrets import Loader, Secrets
from fairlead.store import Store, open_store

if TYPE_CHECKING:
    from fairlead.engine.outside import Outside
    from fairlead.engine.site import Site
    from fairlead.registry import Registry

SenderOf = Callable[[], Sender]


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
        tokens = [self._token(slack) for slack in config.environment(environment).notify.slack]
        github = self._token(self.config.github) if self.config.github else None
        database = config.environment(environment).database
        direct = database.direct_url if database else None
        way = self.secrets.resolve(direct) if direct and strict else self._known(direct)
        backup = config.environment(environment).backup
        keys = [self._known(key) for key in (backup.access_key, backup.secret_key)]
        masking = self._known(self.config.masking.key) if self.config.masking else None
        others = (login[1] if login else None, *tokens, *keys, github, way, masking)
        others += tuple(self._of_source(environment))
        hidden = [*values.values(), *(value for value in others if value is not None)]
        self.redact = Redactor(value.get_secret_value() for value in hidden)
        return values

    def _of_source(self, environment: str) -> Iterator[SecretStr | None]:
        """What a refresh knows of the environment whose data it takes."""
        settings = self.config.environments.get(environment)
        refresh = settings.refresh if settings else None
        if refresh is not None:
            source = self.config.environment(refresh.source)
            database, backup = source.database, source.backup
            direct = database.direct_url if database else None
            yield from self.secrets.of_environment(
                self.config, refresh.source, strict=False
            ).values()
            for reference in (direct, refresh.url, backup.access_key, backup.secret_key):
                yield self._known(reference)

    def _token(self, place: Slack | GitHub) -> SecretStr | None:
        """None where it is missing: whoever needs it says so, and no release fails for telling."""
        return self._known(place.token)

    def _known(self, reference: str | None) -> SecretStr | None:
        try:
            return self.secrets.resolve(reference) if reference else None
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

    def registry(self, config: Config) -> "Registry":
        from fairlead.registry import Registry  # noqa: PLC0415 imported lazily

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

    def github(self, *, timeout: int = 10) -> GitHubClient:
        """The project's repository. Raises SecretMissing, GitHubError."""
        github = self.config.github
        if github is None:
            raise GitHubError(
                "The config does not say where the project is at GitHub.",
                next_step="Give it a [github] repository, then try: fairlead check",
            )
        token = self.secrets.resolve(github.token) if github.token else None
        return GitHubClient(token, github.repository, github.api, timeout)

    def senders(self, *environments: str) -> dict[str, SenderOf]:
        """What makes the sender of each destination that these environments tell."""
        told = (self.config.environment(name).notify.slack for name in environments)
        made: dict[str, SenderOf] = {
            slack.destination: partial(self.slack, slack) for slack in chain.from_iterable(told)
        }
        if environments and self.config.github and self.config.github.destination:
            made[self.config.github.destination] = lambda: GitHubNotifier(self.github(timeout=5))
        return made

    def database(self, environment: str) -> AbstractContextManager[str]:
        """A conninfo of the database that the config names there, for as long as the block runs.
        Raises SecretMissing, DatabaseUnreachable, also for what psycopg raises meanwhile."""
        database = self.config.environment(environment).database
        assert database is not None, "whoever asks has seen that there is one"
        url = self.secrets.resolve(database.direct_url or database.url)
        return asked(environment, database, url)

    def sites(self, config: Config, environment: str) -> list["Site"]:
        """Every host of the environment. Raises HostUnreachable."""
        hosts = config.environment(environment).hosts
        return [self.site(config, environment, host) for host in hosts]

    @contextmanager
    def open_sites(self, config: Config, environment: str) -> Iterator[list["Site"]]:
        """The same, for as long as the block runs."""
        from fairlead.engine.at_once import at_once  # noqa: PLC0415 imported lazily
        from fairlead.engine.site import Site  # noqa: PLC0415

        sites = self.sites(config, environment)
        try:
            yield sites
        finally:
            at_once(Site.close, sites)

    def site(self, config: Config, environment: str, host: Host) -> "Site":
        """Raises HostUnreachable."""
        from fairlead.engine.site import Site  # noqa: PLC0415 imported lazily

        return Site(config, environment, host, redact=self.redact, login=lambda: self.login(config))

    def outside(self, settings: Environment, site: "Site") -> "Outside":
        from fairlead.engine.outside import Outside  # noqa: PLC0415 imported lazily

        authority = site.proxy.internal_authority() if settings.tls == "internal" else None
        return Outside(settings, site.address, authority, self.redact)

    def recorded(self, release: Release) -> Config:
        """The config that it was made with, and today's policy."""
        return self.config.recorded(self.store.releases.config(release.id))

    def target_of(self, release: Release) -> Target:
        """What a recorded release ran, with the config it was made with; secrets that are gone
        are missed only when a container has to be made anew."""
        config = self.recorded(release)
        return Target(
            config=config,
            environment=release.environment,
            sha=release.sha,
            origin=release.origin,
            images={image.service: image for image in self.store.ledger.images(release.id)},
            secrets=self.secrets.of_environment(config, release.environment, strict=False),
        )
