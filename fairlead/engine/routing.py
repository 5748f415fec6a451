"""What the two Caddys in front of an environment are told, as JSON: pure.

The proxy is what the world talks to: it has the ports, the certificates and one route, to the
router, so that no release changes it. The router, behind it on a Unix socket, is told anew where
requests go: https://caddyserver.com/docs/json/apps/http
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from fairlead.config import Config, Environment
from fairlead.engine.target import LABEL, LOGS, Target, labels, prefix

Json = dict[str, Any]

FIRST_CONFIG = "etc/fairlead-caddy.json"
SOCKET_FOLDER = "/run/fairlead"
SOCKET = f"unix/{SOCKET_FOLDER}/router.sock"
PATIENCE = "5s"  # a container, or the router, that is just restarting is waited for
# New routes would cut off what is no HTTP any more (a WebSocket); it is its container's drain and
# stop that end it. Caddy 2.7 and newer.
STREAMS = "24h"
# Go ends the body of a request when its answer begins, and with it the connection on which that is
# still being sent: the answer is cut off (https://github.com/caddyserver/caddy/issues/5431). Of
# bodies up to this size, in bytes, nothing is left to be sent by then.
BODY = 65536
FORWARDED = ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")
TO_ROUTER: Json = {
    "handler": "reverse_proxy",
    "upstreams": [{"dial": SOCKET}],
    "load_balancing": {"try_duration": PATIENCE},
    "stream_close_delay": STREAMS,
    "request_buffers": BODY,
    # New routes restart the router's server, which closes its idle connections: a request that is
    # sent on one in that moment would be lost. A new connection to its socket never is.
    "transport": {
        "protocol": "http",
        "keep_alive": {"max_idle_conns_per_host": -1},  # none is kept
        "compression": False,
    },
}


# -- the proxy -------------------------------------------------------------------------------------


def proxy_apps(config: Config, environment: str) -> Json:
    """The proxy's `apps`: the environment's domains, how it gets their certificates, and the way to
    the router, which answers for every domain."""
    settings = config.environment(environment)
    everything = {"handle": [TO_ROUTER], "terminal": True}
    if settings.tls == "off":
        return _http(
            main={
                "listen": [":80"],
                "routes": [everything],
                "automatic_https": {"disable": True},
            }
        )
    ours = {"match": [{"host": domains(config, settings)}], **everything}
    apps = _http(
        main={
            "listen": [":443"],
            "routes": [ours, everything],
            "automatic_https": {"disable_redirects": True},
        },
        redirect={
            "listen": [":80"],
            "routes": [{"handle": [_redirect(settings.https_port)]}],
            "automatic_https": {"disable": True},
        },
    )
    if settings.tls == "auto":
        return apps
    own = {"automation": {"policies": [{"issuers": [{"module": "internal"}]}]}}
    # Nobody else in the proxy's container needs to trust it, and trying to takes a second.
    untrusted = {"certificate_authorities": {"local": {"install_trust": False}}}
    return {**apps, "tls": own, "pki": untrusted}


def domains(config: Config, settings: Environment) -> list[str]:
    """All that the environment answers for, each once."""
    routed = (
        route.domain
        for service in config.services.values()
        for route in service.routes
        if route.domain
    )
    return list(dict.fromkeys((settings.domain, *settings.aliases, *routed)))


def _redirect(https_port: int) -> Json:
    """To the port that the world knows, which the proxy's container does not."""
    port = "" if https_port == 443 else f":{https_port}"
    there = f"https://{{http.request.host}}{port}{{http.request.uri}}"
    return {"handler": "static_response", "status_code": 308, "headers": {"Location": [there]}}


def _http(**servers: Json) -> Json:
    return {"http": {"servers": servers}}


# -- the router ------------------------------------------------------------------------------------


def router_apps(routes: list[Json]) -> Json:
    """The router's `apps`: one server with `routes`."""
    return _http(main={"listen": [SOCKET], "routes": routes, "automatic_https": {"disable": True}})


def routes(target: Target) -> list[Json]:
    """Named domains before wildcards, then the longest path first; what no route takes is
    answered 404."""
    settings = target.settings
    found = []
    for name, service in target.config.services.items():
        for route in service.routes:
            every = (route.domain,) if route.domain else (settings.domain, *settings.aliases)
            wild = tuple(domain for domain in every if domain.startswith("*"))
            named = tuple(domain for domain in every if domain not in wild)
            found += [(route.path, domains, name) for domains in (named, wild) if domains]
    found.sort(key=lambda route: (route[1][0].startswith("*"), -len(route[0]), route[1]))
    return [*(_route(target, *route) for route in found), _answer(404, "There is nothing here.")]


def nothing() -> list[Json]:
    """The routes of an environment in which nothing runs."""
    return [_answer(503, "Nothing has been released here.")]


def dials(routes: Any) -> Iterator[str]:
    """The addresses that requests are sent to by these routes, or anything that holds some."""
    match routes:
        case {"dial": str(address)}:
            yield address
        case dict():
            for value in routes.values():
                yield from dials(value)
        case list():
            for value in routes:
                yield from dials(value)


def _route(target: Target, path: str, domains: tuple[str, ...], service: str) -> Json:
    match: Json = {"host": list(domains)}
    if path != "/":
        match["path"] = [path, f"{path.rstrip('/')}/*"]
    port = target.config.services[service].port
    upstreams = [{"dial": f"{name}:{port}"} for name in target.names(service)]
    return {"match": [match], "handle": [to_containers(upstreams)], "terminal": True}


def to_containers(upstreams: list[dict[str, str]]) -> Json:
    """The handler that sends each request to whichever upstream has the least to do."""
    return {
        "handler": "reverse_proxy",
        "upstreams": upstreams,
        "load_balancing": {
            "selection_policy": {"policy": "least_conn"},
            "try_duration": PATIENCE,
        },
        "stream_close_delay": STREAMS,
        "request_buffers": BODY,
        # Shorter than the 2 s after which gunicorn closes a connection, so that no request is
        # sent on one that is being closed; and a drained container has none left.
        "transport": {"protocol": "http", "keep_alive": {"idle_timeout": "1s"}},
        # A Unix socket has no address to add to them, so Caddy would take them for forged.
        "headers": {
            "request": {"set": {name: [f"{{http.request.header.{name}}}"] for name in FORWARDED}}
        },
    }


def _answer(status: int, body: str) -> Json:
    return {"handle": [{"handler": "static_response", "status_code": status, "body": body}]}


# -- their containers ------------------------------------------------------------------------------


def proxy_container(config: Config, environment: str) -> Json:
    """The arguments of docker.containers.create for the proxy."""
    settings, name = config.environment(environment), prefix(config, environment)
    ports = {"80/tcp": (settings.bind, settings.http_port)}
    if settings.tls != "off":
        ports["443/tcp"] = (settings.bind, settings.https_port)
    data = f"{name}-proxy-data:/data"  # certificates
    return _container(config, environment, "proxy", volumes=[data], ports=ports)


def router_container(config: Config, environment: str) -> Json:
    """The arguments of docker.containers.create for the router, which publishes nothing."""
    return _container(config, environment, "router", volumes=[], ports={})


def _container(
    config: Config, environment: str, role: str, *, volumes: list[str], ports: Json
) -> Json:
    name = prefix(config, environment)
    spec = {
        "image": config.proxy.image,
        "command": ["caddy", "run", "--config", f"/{FIRST_CONFIG}", "--resume"],
        "name": f"{name}-{role}",
        "network": name,
        "environment": {"XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"},
        "volumes": [
            *volumes,
            f"{name}-{role}-config:/config",
            f"{name}-router-socket:{SOCKET_FOLDER}",
        ],
        "ports": ports,
        "restart_policy": {"Name": "always"},
        "security_opt": ["no-new-privileges:true"],
        "log_config": LOGS,
        "detach": True,
    }
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode()).hexdigest()
    return {**spec, "labels": {**labels(config, environment, role), f"{LABEL}spec": digest}}
