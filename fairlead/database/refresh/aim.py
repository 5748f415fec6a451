"""The containers of what is deployed, led to another database of the same server; pure."""

import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from fairlead.engine.target import Target, variables

NAMED = re.compile(r"(DB|DATABASE)(_?NAME)?$")  # PGDATABASE, POSTGRES_DB, DB_NAME


def aimed(target: Target, service: str, old: str, new: str) -> Target | None:
    """`target` with `new` wherever the environment of `service` names the database `old`; None
    where it does not name it."""
    fields = target.config.services[service]
    given = variables(target, fields)
    changed = {
        name: renamed
        for name, value in given.items()
        if (renamed := _renamed(name, value, old, new)) is not None
    }
    if not changed:
        return None
    secrets = {name: SecretStr(value) for name, value in changed.items() if name in fields.secrets}
    plain = {name: value for name, value in changed.items() if name not in secrets}
    settings = target.settings.model_copy(update={"env": {**target.settings.env, **plain}})
    environments = {**target.config.environments, target.environment: settings}
    config = target.config.model_copy(update={"environments": environments})
    return replace(target, config=config, secrets={**target.secrets, **secrets})


def _renamed(name: str, value: str, old: str, new: str) -> str | None:
    if value == old and NAMED.search(name.upper()):
        return new
    parts: tuple[Callable[[str, str, str], str | None], ...] = (_url, _conninfo)
    return next((found for part in parts if (found := part(value, old, new))), None)


def _url(value: str, old: str, new: str) -> str | None:
    """A URL with whatever scheme: postgis:// and postgresql+psycopg:// are Django's and others'."""
    try:
        parts = urlsplit(value)
    except ValueError:
        return None
    if not parts.hostname or unquote(parts.path) != f"/{old}":
        return None
    return urlunsplit(parts._replace(path=f"/{quote(new, safe='')}"))


def _conninfo(value: str, old: str, new: str) -> str | None:
    """`host=… dbname=…`"""
    try:
        fields: dict[str, Any] = conninfo_to_dict(value)
    except ProgrammingError:
        return None
    if "=" not in value or "://" in value or fields.get("dbname") != old:
        return None
    return make_conninfo(**{**fields, "dbname": new})
