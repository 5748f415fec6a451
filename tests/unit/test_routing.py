"""What the proxy and the router are told, whole."""

from typing import Any

from fairlead.engine import routing
from tests.bench.example import aimed, config

BACKEND = ("shop-dev-backend-7-1:8000", "shop-dev-backend-7-2:8000")
NOT_FOUND = {
    "handle": [{"handler": "static_response", "status_code": 404, "body": "There is nothing here."}]
}
TO_ROUTER = {
    "handler": "reverse_proxy",
    "upstreams": [{"dial": "unix//run/fairlead/router.sock"}],
    "load_balancing": {"try_duration": "5s"},
    "stream_close_delay": "24h",
    "request_buffers": 65536,
    "transport": {
        "protocol": "http",
        "keep_alive": {"max_idle_conns_per_host": -1},
        "compression": False,
    },
}
EVERYTHING = {"handle": [TO_ROUTER], "terminal": True}


# -- the router ------------------------------------------------------------------------------


def forwarded(host: str, path: list[str] | None, *upstreams: str) -> dict[str, Any]:
    match: dict[str, Any] = {"host": [host], **({"path": path} if path else {})}
    return {
        "match": [match],
        "handle": [
            {
                "handler": "reverse_proxy",
                "upstreams": [{"dial": upstream} for upstream in upstreams],
                "load_balancing": {
                    "selection_policy": {"policy": "least_conn"},
                    "try_duration": "5s",
                },
                "stream_close_delay": "24h",
                "request_buffers": 65536,
                "transport": {"protocol": "http", "keep_alive": {"idle_timeout": "1s"}},
                "headers": {
                    "request": {
                        "set": {
                            "X-Forwarded-For": ["{http.request.header.X-Forwarded-For}"],
                            "X-Forwarded-Proto": ["{http.request.header.X-Forwarded-Proto}"],
                            "X-Forwarded-Host": ["{http.request.header.X-Forwarded-Host}"],
                        }
                    }
                },
            }
        ],
        "terminal": True,
    }


def test_the_longest_path_is_asked_first() -> None:
    assert routing.routes(aimed()) == [
        forwarded("dev.shop.example", ["/admin/", "/admin/*"], *BACKEND),
        forwarded("dev.shop.example", ["/api", "/api/*"], *BACKEND),
        forwarded("dev.shop.example", None, "shop-dev-frontend-7-1:8080"),
        forwarded("zoo.shop.example", None, "shop-dev-frontend-7-1:8080"),
        NOT_FOUND,
    ]


def test_a_domain_that_is_named_is_asked_before_the_wildcard_it_would_fall_under() -> None:
    here = aimed(environments={"dev": {"aliases": ["shop.example", "*.shop.example"]}})
    asked = [(route.get("match", [{}])[0]) for route in routing.routes(here)]
    domains = ["dev.shop.example", "shop.example"]
    assert asked == [
        {"host": domains, "path": ["/admin/", "/admin/*"]},
        {"host": domains, "path": ["/api", "/api/*"]},
        {"host": domains},
        {"host": ["zoo.shop.example"]},
        {"host": ["*.shop.example"], "path": ["/admin/", "/admin/*"]},
        {"host": ["*.shop.example"], "path": ["/api", "/api/*"]},
        {"host": ["*.shop.example"]},
        {},
    ]


def test_where_nothing_was_released_the_router_says_so() -> None:
    (only,) = routing.nothing()
    assert only["handle"] == [
        {
            "handler": "static_response",
            "status_code": 503,
            "body": "Nothing has been released here.",
        }
    ]


def test_the_router_listens_on_a_socket_that_only_the_proxy_has() -> None:
    server = {
        "listen": ["unix//run/fairlead/router.sock"],
        "routes": [NOT_FOUND],
        "automatic_https": {"disable": True},
    }
    assert routing.router_apps([NOT_FOUND]) == {"http": {"servers": {"main": server}}}


def test_the_addresses_that_requests_go_to_are_found_in_what_the_router_serves() -> None:
    found = list(routing.dials(routing.router_apps(routing.routes(aimed()))))
    assert found == [*BACKEND, *BACKEND, *["shop-dev-frontend-7-1:8080"] * 2]
    assert list(routing.dials(routing.router_apps(routing.nothing()))) == []


# -- the proxy -------------------------------------------------------------------------------


def apps(tls: str, **settings: Any) -> dict[str, Any]:
    dev = {"tls": tls, "aliases": ["*.dev.shop.example"], **settings}
    return routing.proxy_apps(config(environments={"dev": dev}), "dev")


def test_without_tls_the_proxy_answers_plain_http() -> None:
    server = {
        "listen": [":80"],
        "routes": [EVERYTHING],
        "automatic_https": {"disable": True},
    }
    assert apps("off") == {"http": {"servers": {"main": server}}}


def redirecting(there: str) -> dict[str, Any]:
    location = {"Location": [there]}
    answer = {"handler": "static_response", "status_code": 308, "headers": location}
    return {
        "listen": [":80"],
        "routes": [{"handle": [answer]}],
        "automatic_https": {"disable": True},
    }


def test_with_tls_the_proxy_gets_a_certificate_for_each_domain_by_itself() -> None:
    hosts = ["dev.shop.example", "*.dev.shop.example", "zoo.shop.example"]
    main = {
        "listen": [":443"],
        "routes": [{"match": [{"host": hosts}], **EVERYTHING}, EVERYTHING],
        "automatic_https": {"disable_redirects": True},
    }
    there = redirecting("https://{http.request.host}{http.request.uri}")
    http = {"http": {"servers": {"main": main, "redirect": there}}}
    assert apps("auto") == http
    own = {"automation": {"policies": [{"issuers": [{"module": "internal"}]}]}}
    untrusted = {"certificate_authorities": {"local": {"install_trust": False}}}
    assert apps("internal") == {**http, "tls": own, "pki": untrusted}


def test_plain_http_leads_to_the_port_that_the_world_knows() -> None:
    servers = apps("auto", https_port=8443)["http"]["servers"]
    there = "https://{http.request.host}:8443{http.request.uri}"
    assert servers["redirect"] == redirecting(there)


# -- their containers ------------------------------------------------------------------------


def proxy_container(**settings: Any) -> dict[str, Any]:
    return routing.proxy_container(config(environments={"dev": settings}), "dev")


def usual(role: str) -> dict[str, Any]:
    return {
        "image": "caddy:2",
        "command": ["caddy", "run", "--config", "/etc/fairlead-caddy.json", "--resume"],
        "name": f"shop-dev-{role}",
        "network": "shop-dev",
        "environment": {"XDG_CONFIG_HOME": "/config", "XDG_DATA_HOME": "/data"},
        "restart_policy": {"Name": "always"},
        "security_opt": ["no-new-privileges:true"],
        "log_config": {"type": "json-file", "config": {"max-size": "10m", "max-file": "3"}},
        "detach": True,
        "labels": {
            "fairlead.project": "shop",
            "fairlead.environment": "dev",
            "fairlead.role": role,
        },
    }


def test_the_proxy_s_container_publishes_http_and_https() -> None:
    made = proxy_container()
    spec = made["labels"].pop("fairlead.spec")
    assert len(spec) == 64
    assert made == {
        **usual("proxy"),
        "volumes": [
            "shop-dev-proxy-data:/data",
            "shop-dev-proxy-config:/config",
            "shop-dev-router-socket:/run/fairlead",
        ],
        "ports": {"80/tcp": ("0.0.0.0", 80), "443/tcp": ("0.0.0.0", 443)},
    }


def test_the_router_s_container_publishes_nothing() -> None:
    made = routing.router_container(config(), "dev")
    made["labels"].pop("fairlead.spec")
    assert made == {
        **usual("router"),
        "volumes": ["shop-dev-router-config:/config", "shop-dev-router-socket:/run/fairlead"],
        "ports": {},
    }


def test_the_proxy_is_made_anew_only_when_its_own_settings_change() -> None:
    spec = proxy_container()["labels"]["fairlead.spec"]
    assert proxy_container(soak=1, env={"A": "b"})["labels"]["fairlead.spec"] == spec
    assert proxy_container(http_port=8080)["labels"]["fairlead.spec"] != spec


def test_without_tls_the_proxy_publishes_http_only() -> None:
    made = proxy_container(tls="off", bind="127.0.0.1", http_port=8101)
    assert made["ports"] == {"80/tcp": ("127.0.0.1", 8101)}
