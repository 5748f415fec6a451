"""Reading fairlead.toml: default < file < environment variable; every error at once."""

import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from fairlead.config.rules import broken_rules
from fairlead.config.schema import Config
from fairlead.errors import ConfigError, ConfigMissing

FILE = "fairlead.toml"
OVERRIDE = "FAIRLEAD__"
SECRET = {
    "access_key", "database", "key", "password", "secret_key", "secrets", "token", "url",
    "username",
}  # fmt: skip


def find(path: str | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """`path`, else FAIRLEAD_CONFIG, else fairlead.toml in the working directory."""
    return Path(path or environ.get("FAIRLEAD_CONFIG") or FILE)


def load(path: Path, environ: Mapping[str, str] = os.environ) -> Config:
    """The config in the file at `path`.

    Raises ConfigMissing; ConfigError with every problem and its path.
    """
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigMissing(str(path)) from None
    except OSError as error:
        raise ConfigError(str(path), [f"cannot be read: {error.strerror}"]) from error
    except (ValueError, RecursionError) as error:  # not UTF-8, not TOML, or far too deep or long
        raise ConfigError(str(path), [f"is not TOML: {error}"]) from error
    return parse(_overridden(raw, environ), source=str(path), folder=path.resolve().parent)


def parse(raw: Mapping[str, Any], *, source: str, folder: Path | None = None) -> Config:
    """The config in `raw`, with templates read from `folder`. Raises ConfigError."""
    whole, problems = _with_templates(raw, folder)
    config = None
    try:
        config = Config.model_validate(whole)
    except ValidationError as error:
        problems += [_problem(entry) for entry in _told_once(error.errors())]
    problems += broken_rules(whole)
    if problems or config is None:
        raise ConfigError(source, problems)
    return config


def _told_once(entries: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    """Without "too few items" where it is only so because the items given are wrong."""
    for entry in entries:
        here = entry["loc"]
        wrong_items = any(other["loc"][: len(here)] == here for other in entries if other != entry)
        if entry["type"] != "too_short" or not wrong_items:
            yield entry


def _problem(entry: Mapping[str, Any]) -> str:
    message = str(entry["msg"]).removeprefix("Value error, ")
    where = _path(entry["loc"])
    if entry["type"] == "extra_forbidden":
        return f"{where}: is not a key Fairlead knows"
    if entry["type"] == "value_error":  # a host may be written as its engine alone
        where = re.sub(r"(\.hosts\[\d+\])\.engine$", r"\1", where)
    given = entry["input"]
    shown = f', got "{given!s:.200}"' if _may_be_shown(given, entry["loc"]) else ""
    return f"{where}: {message[0].lower()}{message[1:]}{shown}"


def _may_be_shown(given: Any, location: tuple[str | int, ...]) -> bool:
    """Not where a secret is named: somebody may have written the secret itself. And not numbers
    of thousands of digits, which Python refuses to write."""
    short = abs(given) < 2**63 if isinstance(given, int) else isinstance(given, str | float)
    return short and not SECRET.intersection(str(part) for part in location)


def _path(location: tuple[str | int, ...]) -> str:
    parts = [f"[{part}]" if isinstance(part, int) else f".{part}" for part in location]
    return "".join(parts).removeprefix(".").replace(".[key]", "")


def _overridden(raw: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, Any]:
    """FAIRLEAD__REGISTRY__HOST=… sets registry.host; the value is TOML, or else text."""
    result = dict(raw)
    for name in sorted(environ):
        if name.startswith(OVERRIDE):
            keys = [key.lower() for key in name.removeprefix(OVERRIDE).split("__")]
            result = _with(result, keys, _value(environ[name]))
    return result


def _with(table: Mapping[str, Any], keys: list[str], value: Any) -> dict[str, Any]:
    head, *rest = keys
    inner = table.get(head)
    below = _with(inner if isinstance(inner, Mapping) else {}, rest, value) if rest else value
    return {**table, head: below}


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _with_templates(
    raw: Mapping[str, Any], folder: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """`template` replaced by the `content` of the file it names, so that a snapshot is whole."""
    problems: list[str] = []
    services: dict[str, Any] = {}
    given = raw.get("services")
    for name, service in given.items() if isinstance(given, Mapping) else ():
        services[name] = service
        files = service.get("files") if isinstance(service, Mapping) else None
        if isinstance(files, list):
            where = f"services.{name}.files"
            read = [
                _read(file, folder, f"{where}[{at}]", problems) for at, file in enumerate(files)
            ]
            services[name] = {**service, "files": read}
    return ({**raw, "services": services} if services else dict(raw)), problems


def _read(file: Any, folder: Path | None, where: str, problems: list[str]) -> Any:
    if not isinstance(file, Mapping) or not isinstance(file.get("template"), str):
        return file
    if folder is None or "content" in file:
        problems.append(f"{where}.template: give either content or a template, not both")
        return file
    path = folder / file["template"]
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:  # ValueError: not UTF-8, or no name of a file
        problems.append(f"{where}.template: cannot read {path.name}: {error}")
        return file
    return {**{key: value for key, value in file.items() if key != "template"}, "content": content}
