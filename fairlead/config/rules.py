"""What one section of fairlead.toml demands of another, checked beside the shape of each.

The checks read the raw tables and pass over what has the wrong shape, so that one run tells
every problem.
"""

import ipaddress
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import PurePosixPath
from posixpath import normpath
from typing import Any
from urllib.parse import urlsplit

SOCKETS = ("/var/run/docker.sock", "/run/docker.sock")


def broken_rules(raw: Mapping[str, Any]) -> list[str]:
    """One line for each broken rule, `path.to.key: what is wrong`."""
    services, environments = _tables(raw, "services"), _tables(raw, "environments")
    return [
        *_registry(_table(raw, "registry")),
        *_github(_table(raw, "github")),
        *_dependencies(services),
        *_routes(services),
        *_files(services),
        *_sockets(services, environments),
        *_hosts(environments),
        *_secrets(services, environments),
        *_migrations(_table(raw, "migrations"), services),
        *_backups(environments),
        *_going_back(environments, _table(raw, "migrations")),
        *_policies(environments),
        *_refreshes(environments, services, masked="masking" in raw),
        *_promotions(environments),
        *_channels(environments),
        *_soaks(environments),
        *_dispatch(_table(raw, "dispatch"), environments),
        *_checks(_table(raw, "github"), environments),
    ]


def _table(raw: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = raw.get(key)
    return value if isinstance(value, Mapping) else {}


def _tables(raw: Mapping[str, Any], key: str) -> dict[str, Mapping[str, Any]]:
    return {name: value for name, value in _table(raw, key).items() if isinstance(value, Mapping)}


def _list(raw: Mapping[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    return value if isinstance(value, list) else []


def _registry(registry: Mapping[str, Any]) -> Iterator[str]:
    if ("username" in registry) != ("password" in registry):
        yield "registry: username and password come together"
    if registry.get("insecure") and "password" in registry:
        yield "registry.insecure: a password is never sent over plain HTTP; use TLS (ca = …)"


def _github(github: Mapping[str, Any]) -> Iterator[str]:
    api = str(github.get("api", ""))
    if "token" in github and api.startswith("http://") and not _is_here(api):
        yield "github.api: a token is never sent over plain HTTP to another machine; use https://…"


def _is_here(address: str) -> bool:
    try:
        host = urlsplit(address).hostname or ""
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _dependencies(services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    graph = {}
    for name, service in services.items():
        graph[name] = [other for other in _list(service, "depends_on") if isinstance(other, str)]
        for at, other in enumerate(graph[name]):
            if other not in services:
                yield f'services.{name}.depends_on[{at}]: there is no service "{other}"'
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        yield f"services: depends_on goes in a circle: {' → '.join(error.args[1])}"


def _routes(services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    taken: dict[tuple[str, str], str] = {}
    for name, service in services.items():
        if _list(service, "routes") and "port" not in service:
            yield f"services.{name}.routes: a service with routes needs a port"
        for at, route in enumerate(_list(service, "routes")):
            if isinstance(route, Mapping):
                key = (str(route.get("domain")), str(route.get("path", "/")))
                if key in taken:
                    yield f"services.{name}.routes[{at}]: {taken[key]} has the same route"
                taken[key] = name


def _files(services: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, service in services.items():
        for at, file in enumerate(_list(service, "files")):
            if isinstance(file, Mapping) and not {"content", "template"} & set(file):
                yield f"services.{name}.files[{at}]: give content or a template"


def _sockets(
    services: Mapping[str, Mapping[str, Any]], environments: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    """Nobody is given the socket of an engine, nor a folder that it is in."""
    sockets = [PurePosixPath(path) for path in (*SOCKETS, *_local(environments))]
    for name, service in services.items():
        for at, volume in enumerate(_list(service, "volumes")):
            path = str(volume).partition(":")[0]
            source = PurePosixPath("/", normpath(path).lstrip("/"))
            inside = any(source in (socket, *socket.parents) for socket in sockets)
            if path.startswith("/") and inside:
                where = f"services.{name}.volumes[{at}]"
                yield f"{where}: whoever has the engine's socket has the host; mount less"


def _local(environments: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The sockets of engines on this machine that environments name."""
    for environment in environments.values():
        for host in _list(environment, "hosts"):
            engine = host.get("engine") if isinstance(host, Mapping) else host
            if isinstance(engine, str) and engine.startswith("unix:///"):
                yield normpath(engine.removeprefix("unix://"))


def _hosts(environments: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, environment in environments.items():
        seen: set[str] = set()
        for at, host in enumerate(_list(environment, "hosts")):
            engine = host.get("engine") if isinstance(host, Mapping) else host
            if isinstance(engine, str):
                called = engine.rpartition("@")[2]  # another user is not another host
                if called in seen:
                    yield f"environments.{name}.hosts[{at}]: {called} is named twice"
                seen.add(called)


def _secrets(
    services: Mapping[str, Mapping[str, Any]], environments: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    for environment, table in environments.items():
        known = set(_table(table, "secrets"))
        known |= {"DATABASE_URL"} if "url" in _table(table, "database") else set()
        for service, fields in services.items():
            for secret in _list(fields, "secrets"):
                if isinstance(secret, str) and secret not in known:
                    yield (
                        f"environments.{environment}.secrets: "
                        f"{secret} is missing, services.{service} needs it"
                    )


def _migrations(
    migrations: Mapping[str, Any], services: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    preset, named = migrations.get("preset", "auto"), migrations.get("service")
    if isinstance(named, str) and named not in services:
        yield f'migrations.service: there is no service "{named}"'
    if preset != "none" and named is None and len(services) > 1 and "backend" not in services:
        yield "migrations.service: which of the services migrates? Name it, or set preset to none"
    if preset == "command" and not migrations.get("commands"):
        yield "migrations.commands: preset command needs at least one command"
    if preset != "command" and migrations.get("commands"):
        yield 'migrations.commands: goes with preset = "command" only'
    for at, command in enumerate(_list(migrations, "commands")):
        if isinstance(command, list) and not command:
            yield f"migrations.commands[{at}]: is empty"


def _backups(environments: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, environment in environments.items():
        here, backup = f"environments.{name}.backup", _table(environment, "backup")
        if backup and "database" not in environment and backup.get("kind") != "none":
            yield f"{here}: there is no database to save"
        if (backup.get("kind") == "command") != bool(backup.get("command")):
            yield f'{here}.command: goes with kind = "command", and that with it'
        if ("access_key" in backup) != ("secret_key" in backup):
            yield f"{here}: access_key and secret_key come together"
        bucket = str(backup.get("place", "")).startswith("s3://")
        for key in ("endpoint", "region", "access_key"):
            if key in backup and not bucket:
                yield f"{here}.{key}: goes with place = s3://… only"


def _going_back(
    environments: Mapping[str, Mapping[str, Any]], migrations: Mapping[str, Any]
) -> Iterator[str]:
    for name, environment in environments.items():
        way, here = environment.get("on_failure", "code"), f"environments.{name}.on_failure"
        kind = _table(environment, "backup").get("kind", "dump")
        if way != "code" and "database" not in environment:
            yield f"{here}: there is no database that could go back"
        elif way == "restore" and kind not in ("dump", "template"):
            yield f'{here}: "restore" needs a backup of kind "dump" or "template"'
        elif way == "reverse" and migrations.get("preset") in ("command", "none"):
            yield f'{here}: "reverse" is for Django\'s migrations'


def _policies(environments: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, environment in environments.items():
        unsafe = _table(environment, "migrations").get("unsafe", "warn")
        if unsafe != "warn" and "database" not in environment:
            yield f"environments.{name}.migrations.unsafe: there is no database to try them on"


def _refreshes(
    environments: Mapping[str, Mapping[str, Any]],
    services: Mapping[str, Mapping[str, Any]],
    *,
    masked: bool,
) -> Iterator[str]:
    sources = {
        source: name
        for name, table in environments.items()
        if isinstance(source := _table(table, "refresh").get("from"), str)
    }
    for name, environment in environments.items():
        here, refresh = f"environments.{name}.refresh", _table(environment, "refresh")
        if not refresh:
            continue
        if environment.get("production"):
            yield f"{here}: {name} is production: no data of another environment comes there"
        if name in sources:
            yield f"{here}: {sources[name]} is refreshed from {name}, which has to be left alone"
        if "database" not in environment:
            yield f"{here}: there is no database to refresh"
        if not masked:
            yield f"{here}: needs [masking], which says what becomes of each column"
        yield from _source(here, refresh, environments)
        for at, service in enumerate(_list(refresh, "restart")):
            if isinstance(service, str) and service not in services:
                yield f'{here}.restart[{at}]: there is no service "{service}"'


def _source(
    here: str, refresh: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    source = refresh.get("from")
    if not isinstance(source, str):
        return  # its shape is told
    if source not in environments:
        yield f'{here}.from: there is no environment "{source}"'
    elif "database" not in environments[source]:
        yield f"{here}.from: {source} has no database"


def _promotions(environments: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, environment in environments.items():
        source = environment.get("promotes_from")
        if isinstance(source, str) and source not in environments:
            yield f'environments.{name}.promotes_from: there is no environment "{source}"'
        if source == name:
            yield f"environments.{name}.promotes_from: is itself"


def _soaks(environments: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, environment in environments.items():
        if "promote_after" in environment and "promotes_from" not in environment:
            yield f"environments.{name}.promote_after: promotes_from is missing"


def _channels(environments: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    for name, environment in environments.items():
        told = _list(_table(environment, "notify"), "slack")
        named = [one.get("channel") for one in told if isinstance(one, Mapping)]
        channels = [channel for channel in named if isinstance(channel, str)]
        for channel in dict.fromkeys(channels):
            if channels.count(channel) > 1:
                yield f'environments.{name}.notify.slack: "{channel}" is there twice'


def _dispatch(
    dispatch: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    of_branch: dict[str, str] = {}
    for at, name in enumerate(_list(dispatch, "environments")):
        here = f"dispatch.environments[{at}]"
        if not isinstance(name, str) or name not in environments:
            yield f'{here}: there is no environment "{name}"'
            continue
        branch = environments[name].get("branch")
        if isinstance(branch, str):
            first = of_branch.setdefault(branch, name)
            if first != name:
                yield (
                    f'{here}: {first} has the branch "{branch}" too: '
                    "which of them is a finished workflow for?"
                )


def _checks(
    github: Mapping[str, Any], environments: Mapping[str, Mapping[str, Any]]
) -> Iterator[str]:
    missing = [f"github.{key}" for key in ("repository", "token") if key not in github]
    for name, environment in environments.items():
        if _list(environment, "require_checks") and missing:
            yield f"environments.{name}.require_checks: needs {' and '.join(missing)}"
