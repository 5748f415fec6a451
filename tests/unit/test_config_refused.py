"""fairlead.toml: each thing that is refused, with its words."""

from typing import Any

import pytest

from fairlead.config import parse
from fairlead.errors import ConfigError
from tests.unit.configs import CHECKED, DISPATCH, in_dev, in_prod, problems, usual

FRONTEND = {"image": "i", "port": 1}

SOCKET = "whoever has the engine's socket has the host; mount less"
RULES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {
            "services": {
                "backend": {
                    "volumes": [
                        "/var/run/docker.sock:/s",
                        "/srv/media:/media",
                        "/run/:/run:ro",
                        "/srv/../var/./run:/r",
                        "run:/r",
                        "//:/host",
                    ]
                },
                "frontend": {"volumes": ["/run/user/7/docker.sock:/s", "/run/user/7:/u"]},
            },
            "environments": {"dev": {"hosts": ["unix:///run/user/7/docker.sock"]}},
        },
        [
            *(f"services.backend.volumes[{at}]: {SOCKET}" for at in (0, 2, 3, 5)),
            *(f"services.frontend.volumes[{at}]: {SOCKET}" for at in (0, 1)),
        ],
    ),
    *(
        (
            {"github": {"repository": "o/shop", "token": "env:T", "api": api}},
            ["github.api: a token is never sent over plain HTTP to another machine; use https://…"],
        )
        for api in ("http://github.example/api/v3", "http://10.0.0.7", "http://localhost.example")
    ),
    (CHECKED, ["environments.dev.require_checks: needs github.repository and github.token"]),
    (
        {**CHECKED, "github": {"repository": "owner/shop"}},
        ["environments.dev.require_checks: needs github.token"],
    ),
    (
        in_dev(database=None, backup={"kind": "dump"}),
        [
            "environments.dev.secrets: DATABASE_URL is missing, services.backend needs it",
            "environments.dev.backup: there is no database to save",
        ],
    ),
    (
        in_dev(database=None, on_failure="reverse"),
        [
            "environments.dev.secrets: DATABASE_URL is missing, services.backend needs it",
            "environments.dev.on_failure: there is no database that could go back",
        ],
    ),
    (
        in_dev(on_failure="restore", backup={"kind": "none"}),
        ['environments.dev.on_failure: "restore" needs a backup of kind "dump" or "template"'],
    ),
    (
        {"migrations": {"preset": "none"}, "environments": {"dev": {"on_failure": "reverse"}}},
        ['environments.dev.on_failure: "reverse" is for Django\'s migrations'],
    ),
    (
        in_dev(database=None, migrations={"unsafe": "refuse"}),
        [
            "environments.dev.secrets: DATABASE_URL is missing, services.backend needs it",
            "environments.dev.migrations.unsafe: there is no database to try them on",
        ],
    ),
    (
        in_dev(backup={"kind": "command"}),
        ['environments.dev.backup.command: goes with kind = "command", and that with it'],
    ),
    (
        in_dev(backup={"command": ["snapshot"]}),
        ['environments.dev.backup.command: goes with kind = "command", and that with it'],
    ),
    (
        in_dev(backup={"place": "s3://b", "access_key": "env:K"}),
        ["environments.dev.backup: access_key and secret_key come together"],
    ),
    (
        in_dev(backup={"place": "/b", "endpoint": "https://s3.example"}),
        ["environments.dev.backup.endpoint: goes with place = s3://… only"],
    ),
    ({"registry": {"username": "env:U"}}, ["registry: username and password come together"]),
    (
        {"registry": {"username": "env:U", "password": "env:P", "insecure": True}},
        ["registry.insecure: a password is never sent over plain HTTP; use TLS (ca = …)"],
    ),
    (
        {"services": {"backend": {"depends_on": ["frontend", "cache"]}}},
        [
            'services.backend.depends_on[1]: there is no service "cache"',
            "services: depends_on goes in a circle: backend → frontend → backend",
        ],
    ),
    (
        {"services": {"backend": {"port": None}}},
        ["services.backend.routes: a service with routes needs a port"],
    ),
    (
        {"services": {"frontend": {"routes": [{"path": "/"}, {"path": "/api"}]}}},
        ["services.frontend.routes[1]: backend has the same route"],
    ),
    (
        {"services": {"frontend": {"routes": [{}, {"domain": "x"}, {"path": "/"}]}}},
        ["services.frontend.routes[2]: frontend has the same route"],
    ),
    (
        in_prod(hosts=["ssh://a@one", "ssh://a@one:2222", {"engine": "ssh://b@one"}]),
        ["environments.prod.hosts[2]: one is named twice"],
    ),
    (
        in_prod(secrets={"KEY": None}, database=None),
        [
            "environments.prod.secrets: DATABASE_URL is missing, services.backend needs it",
            "environments.prod.secrets: KEY is missing, services.backend needs it",
        ],
    ),
    ({"migrations": {"service": "web"}}, ['migrations.service: there is no service "web"']),
    (
        {"services": {"backend": None, "api": FRONTEND, "frontend": {"depends_on": []}}},
        ["migrations.service: which of the services migrates? Name it, or set preset to none"],
    ),
    (
        {"migrations": {"preset": "command"}},
        ["migrations.commands: preset command needs at least one command"],
    ),
    (
        {"migrations": {"commands": [["alembic", "upgrade", "head"]]}},
        ['migrations.commands: goes with preset = "command" only'],
    ),
    (
        {"migrations": {"preset": "command", "commands": [["a"], []]}},
        ["migrations.commands[1]: is empty"],
    ),
    (
        in_prod(promotes_from="uat"),
        ['environments.prod.promotes_from: there is no environment "uat"'],
    ),
    (in_prod(promotes_from="prod"), ["environments.prod.promotes_from: is itself"]),
    (
        {"dispatch": {**DISPATCH, "environments": ["qa", "dev"]}},
        ['dispatch.environments[0]: there is no environment "qa"'],
    ),
    (
        {
            "dispatch": {**DISPATCH, "environments": ["dev", "prod"]},
            "environments": {"dev": {"branch": "main"}, "prod": {"branch": "main"}},
        },
        [
            'dispatch.environments[1]: dev has the branch "main" too: '
            "which of them is a finished workflow for?"
        ],
    ),
]


@pytest.mark.parametrize(("over", "expected"), RULES)
def test_what_one_section_demands_of_another_is_checked(
    over: dict[str, Any], expected: list[str]
) -> None:
    assert problems(usual(**over)) == expected


SHAPES: list[tuple[dict[str, Any], list[str]]] = [
    ({"project": None}, ["project: field required"]),
    (
        {"project": "Shop"},
        ["project: string should match pattern '^[a-z][a-z0-9-]{0,30}$', got \"Shop\""],
    ),
    ({"colour": "red"}, ["colour: is not a key Fairlead knows"]),
    (
        {"github": {"repository": "https://github.com/owner/shop"}},
        [
            "github.repository: string should match pattern "
            "'^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$', "
            'got "https://github.com/owner/shop"'
        ],
    ),
    (
        {"services": {"backend": {"image": 3}}},
        ['services.backend.image: input should be a valid string, got "3"'],
    ),
    (
        {"services": {"Web": FRONTEND}},
        ["services.Web: string should match pattern '^[a-z][a-z0-9-]{0,30}$', got \"Web\""],
    ),
    (
        {"services": {"engine": 1}},
        ['services.engine: input should be a valid dictionary or instance of Service, got "1"'],
    ),
    (
        {"services": {"backend": {"port": 65_536}}},
        ['services.backend.port: input should be less than or equal to 65535, got "65536"'],
    ),
    (
        {"services": {"backend": {"volumes": ["media"]}}},
        [
            "services.backend.volumes[0]: string should match pattern "
            "'^[^:]+:/[^:]*(:ro|:rw)?$', got \"media\""
        ],
    ),
    (
        in_prod(hosts=["ssh://a@b", "prod1"]),
        ['environments.prod.hosts[1]: should be unix://… or ssh://user@host, got "prod1"'],
    ),
    (
        in_prod(hosts=["ssh://["]),
        ['environments.prod.hosts[0]: should be unix://… or ssh://user@host, got "ssh://["'],
    ),
    (
        in_prod(hosts=["ssh://a@b:c"]),
        ['environments.prod.hosts[0]: should be unix://… or ssh://user@host, got "ssh://a@b:c"'],
    ),
    *(
        (
            {"github": {"repository": "owner/shop", "api": api}},
            [f'github.api: should be https://… with the name of a host, got "{api}"'],
        )
        for api in ("ftp://a", "https://", "https://[", "https://a:b", "https://a:99999")
    ),
    (
        in_prod(hosts=[{"adress": "x"}]),
        [
            "environments.prod.hosts[0].engine: field required",
            "environments.prod.hosts[0].adress: is not a key Fairlead knows",
        ],
    ),
    (
        in_prod(hosts=[]),
        ["environments.prod.hosts: tuple should have at least 1 item after validation, not 0"],
    ),
    (
        in_prod(soak=-1),
        ['environments.prod.soak: input should be greater than or equal to 0, got "-1"'],
    ),
    (
        in_prod(soak=float("nan")),
        ['environments.prod.soak: input should be less than or equal to 86400, got "nan"'],
    ),
    (
        in_prod(tls="on"),
        ["environments.prod.tls: input should be 'auto', 'internal' or 'off', got \"on\""],
    ),
    (
        in_prod(database={"via": "unix:///run/docker.sock"}),
        ["environments.prod.database.via: should be ssh://user@host"],
    ),
    (
        in_prod(freeze=["fri 16:00 - mon 08:00", "friday"]),
        [
            'environments.prod.freeze[1]: should be like "fri 16:00 - mon 08:00" or '
            '"2026-12-18 16:00 - 2027-01-04 08:00", got "friday"'
        ],
    ),
    (
        {"time_zone": "Mars/Olympus"},
        ['time_zone: should be a time zone like Europe/Berlin or UTC, got "Mars/Olympus"'],
    ),
    ({"time_zone": 7}, ['time_zone: should be a time zone like Europe/Berlin or UTC, got "7"']),
    (
        {"dispatch": {"repositories": ["shop"], "actors": ["a b"], "rate": 0}},
        [
            "dispatch.secrets: field required",
            "dispatch.repositories[0]: string should match pattern "
            "'^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$', got \"shop\"",
            "dispatch.actors[0]: string should match pattern "
            "'^[A-Za-z0-9_-]{1,90}(\\[bot\\])?$', got \"a b\"",
            'dispatch.rate: input should be greater than or equal to 1, got "0"',
        ],
    ),
    (
        {"dispatch": {**DISPATCH, "secrets": ["env:A", "env:B", "env:C"]}},
        ["dispatch.secrets: tuple should have at most 2 items after validation, not 3"],
    ),
    (
        in_dev(backup={"place": "backups"}),
        [
            "environments.dev.backup.place: should be a folder (/var/backups) "
            'or s3://bucket/prefix, got "backups"'
        ],
    ),
    (
        in_dev(backup={"place": "s3://b", "access_key": "AKIA"}),
        [
            "environments.dev.backup.access_key: should be env:NAME, file:path or "
            "prefect:block-name, not the secret itself",
            "environments.dev.backup: access_key and secret_key come together",
        ],
    ),
    ({"keep_releases": 0}, ['keep_releases: input should be greater than or equal to 1, got "0"']),
    ({"lease_ttl": 10**5000}, ["lease_ttl: input should be a valid number"]),
]


@pytest.mark.parametrize(("over", "expected"), SHAPES)
def test_what_has_the_wrong_shape_is_told_with_its_path(
    over: dict[str, Any], expected: list[str]
) -> None:
    assert problems(usual(**over)) == expected


def test_five_errors_of_different_kinds_are_told_at_once() -> None:
    wrong = usual(
        project="Shop!",
        registry={"hosts": "x"},
        services={"frontend": {"depends_on": ["cache"]}},
        migrations={"preset": "command"},
        environments={"prod": {"hosts": ["ssh://deploy@one.example", "prod2"]}},
    )
    with pytest.raises(ConfigError) as caught:
        parse(wrong, source="/srv/shop/fairlead.toml")
    assert str(caught.value) == (
        "/srv/shop/fairlead.toml: 5 errors\n"
        "  project: string should match pattern '^[a-z][a-z0-9-]{0,30}$', got \"Shop!\"\n"
        "  registry.hosts: is not a key Fairlead knows\n"
        "  environments.prod.hosts[1]: should be unix://… or ssh://user@host, "
        'got "prod2"\n'
        '  services.frontend.depends_on[0]: there is no service "cache"\n'
        "  migrations.commands: preset command needs at least one command\n"
        "Mend the file and try: fairlead check"
    )


REFERENCE = "should be env:NAME, file:path or prefect:block-name, not the secret itself"


@pytest.mark.parametrize(
    ("over", "expected"),
    [
        (in_dev(secrets={"KEY": "hunter22"}), f"environments.dev.secrets.KEY: {REFERENCE}"),
        (
            in_dev(secrets="hunter22"),
            "environments.dev.secrets: input should be a valid dictionary",
        ),
        (
            in_dev(database="postgresql://u:hunter22@h/d"),
            "environments.dev.database: input should be a valid dictionary or instance of Database",
        ),
        (
            in_dev(database={"url": "postgresql://u:hunter22@h/d"}),
            f"environments.dev.database.url: {REFERENCE}",
        ),
        (
            in_dev(notify={"slack": {"channel": "#a", "token": "env:"}}),
            f"environments.dev.notify.slack[0].token: {REFERENCE}",
        ),
        (
            {"registry": {"username": "env:U", "password": "hunter22"}},
            f"registry.password: {REFERENCE}",
        ),
        ({"dispatch": {**DISPATCH, "secrets": ["hunter22"]}}, f"dispatch.secrets[0]: {REFERENCE}"),
        (
            {"github": {"repository": "owner/shop", "token": "hunter22"}},
            f"github.token: {REFERENCE}",
        ),
    ],
)
def test_a_secret_written_where_a_reference_belongs_is_not_repeated(
    over: dict[str, Any], expected: str
) -> None:
    told = problems(usual(**over))
    assert expected in told
    assert "hunter22" not in "".join(told)
