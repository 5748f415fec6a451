"""Secrets: references in config (env:NAME, file:path, prefect:block-name), values in memory."""

import os
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import SecretStr

from fairlead.config import Config
from fairlead.errors import SecretMissing

Loader = Callable[[str], str]


class Secrets:
    """Resolves references. `prefect` loads a Secret block; without it those are missing."""

    def __init__(
        self, environ: Mapping[str, str] = os.environ, prefect: Loader | None = None
    ) -> None:
        self._environ = environ
        self._prefect = prefect

    def resolve(self, reference: str) -> SecretStr:
        """Raises SecretMissing."""
        kind, _, name = reference.partition(":")
        value = {"env": self._env, "file": self._file, "prefect": self._block}[kind](name)
        if not value:
            raise SecretMissing(reference, "it is empty")
        return SecretStr(value)

    def of_environment(
        self, config: Config, environment: str, *, strict: bool = True
    ) -> dict[str, SecretStr]:
        """The values of an environment by variable name, DATABASE_URL among them.

        Raises SecretMissing; with `strict` off, those that are missing are left out.
        """
        references = secret_references(config, environment)
        values = {}
        for name, reference in references.items():
            try:
                values[name] = self.resolve(reference)
            except SecretMissing:
                if strict:
                    raise
        return values

    def _env(self, name: str) -> str:
        if name not in self._environ:
            raise SecretMissing(f"env:{name}", "the environment variable is not set")
        return self._environ[name]

    def _file(self, path: str) -> str:
        try:
            return Path(path).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretMissing(f"file:{path}", f"the file cannot be read: {error}") from error

    def _block(self, name: str) -> str:
        if self._prefect is None:
            raise SecretMissing(f"prefect:{name}", "no Prefect API is configured here")
        return self._prefect(name)


def secret_references(config: Config, environment: str) -> dict[str, str]:
    """Variable name → reference, of everything a container of the environment may be given."""
    settings = config.environment(environment)
    database = {"DATABASE_URL": settings.database.url} if settings.database else {}
    return {**database, **settings.secrets}
