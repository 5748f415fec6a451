"""fairlead.toml: what is accepted, each thing that is refused with its words, and what changes."""

import copy
import datetime
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from fairlead.config import Config, find, load, parse
from fairlead.config.template import written
from fairlead.errors import ConfigError, ConfigMissing, UnknownEnvironment, UnknownService
from tests.bench.bench import merged

SHOP = Path(__file__).parents[2] / "examples/shop/fairlead.toml"


def usual(**over: Any) -> dict[str, Any]:
    """Two services in two environments, with `over` merged into it."""
    whole = {
        "project": "shop",
        "registry": {"host": "registry.example"},
        "services": {
            "backend": {
                "image": "shop/backend",
                "port": 8000,
                "routes": [{"path": "/api"}],
                "secrets": ["DATABASE_URL", "KEY"],
            },
            "frontend": {
                "image": "shop/frontend",
                "port": 8080,
                "routes": [{"path": "/"}],
                "depends_on": ["backend"],
            },
        },
        "environments": {
            "dev": {
                "hosts": ["unix:///var/run/docker.sock"],
                "domain": "dev.example",
                "database": {"url": "env:DEV_URL"},
                "secrets": {"KEY": "env:DEV_KEY"},
            },
            "prod": {
                "hosts": ["ssh://deploy@one.example", {"engine": "ssh://deploy@two.example:2222"}],
                "domain": "www.example",
                "database": {"url": "env:URL", "via": "ssh://deploy@one.example"},
                "secrets": {"KEY": "file:/run/key"},
                "promotes_from": "dev",
            },
        },
    }
    return merged(whole, over)


def problems(raw: Mapping[str, Any], folder: Path | None = None) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        parse(raw, source="fairlead.toml", folder=folder)
    return list(caught.value.problems)


def config(**over: Any) -> Config:
    return parse(usual(**over), source="fairlead.toml")


# -- what is accepted ------------------------------------------------------------------------


def test_a_database_is_saved_unless_the_config_says_that_it_is_not() -> None:
    backup = config().environment("dev").backup
    assert (backup.kind, backup.place, backup.keep, backup.drill) == ("dump", None, 5, False)
    none = config(environments={"dev": {"backup": {"kind": "none"}}})
    assert none.environment("dev").backup.kind == "none"


def test_unsafe_migrations_are_only_told_unless_the_config_says_more() -> None:
    policy = config().environment("dev").migrations
    assert (policy.unsafe, policy.large) == ("warn", 100_000_000)
    strict = config(environments={"dev": {"migrations": {"unsafe": "refuse", "large_mb": 0.5}}})
    assert strict.environment("dev").migrations.large == 500_000


def test_a_short_config_gets_its_defaults() -> None:
    read = config()
    dev, prod = read.environment("dev"), read.environment("prod")
    assert (read.lease_ttl, read.keep_releases, read.github) == (30, 5, None)
    assert read.proxy.image == "caddy:2"
    assert [smoke.path for smoke in read.smoke] == ["/"]
    assert (read.migrations.preset, read.migrations.timeout) == ("auto", 900)
    assert read.migration_service == "backend"
    assert read.image_repository("backend") == "registry.example/shop/backend"
    assert (dev.tls, dev.http_port, dev.https_port, dev.soak) == ("auto", 80, 443, 10)
    assert [(host.name, host.outside) for host in dev.hosts] == [("local", "127.0.0.1")]
    assert [(host.name, host.outside) for host in prod.hosts] == [
        ("one.example", "one.example"),
        ("two.example:2222", "two.example"),
    ]


@pytest.mark.parametrize(
    ("over", "url"),
    [
        ({}, "https://dev.example/"),
        ({"https_port": 8443}, "https://dev.example:8443/"),
        ({"tls": "off"}, "http://dev.example/"),
        ({"tls": "off", "http_port": 8101}, "http://dev.example:8101/"),
        ({"tls": "internal"}, "https://dev.example/"),
    ],
)
def test_people_find_an_environment_at_its_url(over: dict[str, Any], url: str) -> None:
    assert config(environments={"dev": over}).environment("dev").url == url


def test_the_only_service_migrates_and_else_the_one_that_is_named() -> None:
    alone = config(services={"backend": None, "frontend": {"depends_on": []}})
    assert alone.migration_service == "frontend"
    assert config(migrations={"service": "frontend"}).migration_service == "frontend"


def test_the_shop_s_own_config_is_valid() -> None:
    read = load(SHOP, {})
    assert list(read.environments) == ["dev", "uat", "prod"]
    assert list(read.services) == ["backend", "frontend"]


@pytest.mark.parametrize(
    ("name", "project"),
    [
        ("shop", "shop"),
        ("Meat & Co.", "meat-co"),
        ("2nd", "p-2nd"),
        ("", "p"),
        ("…", "p"),
        ("a" * 40, "a" * 31),
        ("9" * 40, "p-" + "9" * 29),
    ],
)
def test_what_init_writes_is_valid_as_it_is(tmp_path: Path, name: str, project: str) -> None:
    file = tmp_path / "fairlead.toml"
    file.write_text(written(name), encoding="utf-8")
    read = load(file, {})
    assert read.project == project
    assert read.services["backend"].image == f"{project}/backend"


def test_nothing_may_be_started_from_github_until_it_is_listed() -> None:
    assert config().dispatch is None
    rules = config(dispatch=DISPATCH).dispatch
    assert rules is not None
    assert (rules.environments, rules.actors, rules.workflows) == ((), (), ())
    assert (rules.body_limit, rules.rate) == (1_048_576, 600)


def test_the_commented_dispatch_of_init_is_valid_too() -> None:
    head, _, rest = written("shop").partition("# [dispatch]")
    table, _, after = rest.partition("\n\n")
    uncommented = "[dispatch]" + table.replace("\n# ", "\n")
    read = parse(tomllib.loads(f"{head}{uncommented}\n\n{after}"), source="f")
    assert read.dispatch is not None
    assert read.dispatch.repositories == ("owner/shop",)


# -- where it comes from ---------------------------------------------------------------------


def test_the_file_is_the_one_named_first() -> None:
    environ = {"FAIRLEAD_CONFIG": "/etc/there.toml"}
    assert find("here.toml", environ) == Path("here.toml")
    assert find(None, environ) == Path("/etc/there.toml")
    assert find(None, {}) == Path("fairlead.toml")


def toml(folder: Path, text: str | bytes) -> Path:
    file = folder / "fairlead.toml"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("project = ", "is not TOML: Invalid value (at end of document)"),
        ("x = 1\nx = 2", "is not TOML: Cannot overwrite a value (at end of document)"),
        (
            b"\xff",
            "is not TOML: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
        ),
    ],
)
def test_what_is_no_toml_is_refused(tmp_path: Path, text: str | bytes, why: str) -> None:
    file = toml(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(file, {})
    assert str(caught.value) == f"{file}: 1 error\n  {why}\nMend the file and try: fairlead check"


@pytest.mark.parametrize("text", ["x = " + "[" * 100_000, "x = " + "1" * 5000])
def test_toml_that_nobody_can_read_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(toml(tmp_path, text), {})
    assert caught.value.problems[0].startswith("is not TOML: ")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    file = tmp_path / "fairlead.toml"
    with pytest.raises(ConfigMissing) as caught:
        load(file, {})
    assert str(caught.value) == (
        f"There is no config at {file}.\n"
        "Name yours (--config FILE, or FAIRLEAD_CONFIG), or write one: fairlead init"
    )


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, {})
    assert caught.value.problems == ("cannot be read: Is a directory",)


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path, written("shop"))
    read = load(
        file,
        {
            "FAIRLEAD__REGISTRY__HOST": "other.example:5000",
            "FAIRLEAD__LEASE_TTL": "7.5",
            "FAIRLEAD__SERVICES__BACKEND__REPLICAS": "3",
            "FAIRLEAD__ENVIRONMENTS__DEV__HOSTS": '["ssh://a@one", "ssh://a@two"]',
            "FAIRLEAD__PROXY__IMAGE": "caddy:2.8",
            "FAIRLEAD_HOME": "/nowhere",
            "OTHER": "1",
        },
    )
    assert read.registry.host == "other.example:5000"
    assert read.lease_ttl == 7.5
    assert read.services["backend"].replicas == 3
    assert [host.name for host in read.environment("dev").hosts] == ["one", "two"]
    assert read.proxy.image == "caddy:2.8"


def test_an_override_is_checked_like_the_file(tmp_path: Path) -> None:
    file = toml(tmp_path, written("shop"))
    with pytest.raises(ConfigError) as caught:
        load(file, {"FAIRLEAD__REGISTRY": "r", "FAIRLEAD__NONE": "1"})
    assert caught.value.problems == (
        'registry: input should be a valid dictionary or instance of Registry, got "r"',
        "NONE: is not a key Fairlead knows".lower().replace("fairlead", "Fairlead"),
    )


# -- templates -------------------------------------------------------------------------------


def with_files(*files: dict[str, str]) -> dict[str, Any]:
    return usual(services={"frontend": {"files": list(files)}})


def test_a_template_s_text_becomes_part_of_the_config(tmp_path: Path) -> None:
    (tmp_path / "env.json").write_text('{"in": "${FAIRLEAD_ENVIRONMENT}", "ä": 1}', "utf-8")
    raw = with_files({"path": "/srv/env.json", "template": "env.json"})
    (file,) = parse(raw, source="f", folder=tmp_path).services["frontend"].files
    assert (file.path, file.template) == ("/srv/env.json", None)
    assert file.content == '{"in": "${FAIRLEAD_ENVIRONMENT}", "ä": 1}'


def test_a_template_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    raw = with_files(
        {"path": "/a", "template": "none.json"},
        {"path": "/b", "template": "a", "content": "b"},
        {"path": "/c", "template": "\0"},
        {"path": "/d"},
    )
    assert problems(raw, tmp_path) == [
        "services.frontend.files[0].template: cannot read none.json: "
        f"[Errno 2] No such file or directory: '{tmp_path / 'none.json'}'",
        "services.frontend.files[1].template: give either content or a template, not both",
        "services.frontend.files[2].template: cannot read \0: embedded null byte",
        "services.frontend.files[3]: give content or a template",
    ]


# -- what is refused -------------------------------------------------------------------------

FRONTEND = {"image": "i", "port": 1}
DISPATCH = {"secrets": ["env:S"], "repositories": ["acme/shop"]}

GITHUB = {"repository": "owner/shop", "token": "env:T"}
CHECKED = {"environments": {"dev": {"require_checks": ["test"]}}}

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
    (
        CHECKED,
        ["environments.dev.require_checks: needs github.repository and github.token"],
    ),
    (
        {**CHECKED, "github": {"repository": "owner/shop"}},
        ["environments.dev.require_checks: needs github.token"],
    ),
    (
        {"environments": {"dev": {"database": None, "backup": {"kind": "dump"}}}},
        [
            "environments.dev.secrets: DATABASE_URL is missing, services.backend needs it",
            "environments.dev.backup: there is no database to save",
        ],
    ),
    (
        {"environments": {"dev": {"database": None, "on_failure": "reverse"}}},
        [
            "environments.dev.secrets: DATABASE_URL is missing, services.backend needs it",
            "environments.dev.on_failure: there is no database that could go back",
        ],
    ),
    (
        {"environments": {"dev": {"on_failure": "restore", "backup": {"kind": "none"}}}},
        [
            'environments.dev.on_failure: "restore" needs a backup of kind "dump" or "template"',
        ],
    ),
    (
        {
            "migrations": {"preset": "none"},
            "environments": {"dev": {"on_failure": "reverse"}},
        },
        ['environments.dev.on_failure: "reverse" is for Django\'s migrations'],
    ),
    (
        {"environments": {"dev": {"database": None, "migrations": {"unsafe": "refuse"}}}},
        [
            "environments.dev.secrets: DATABASE_URL is missing, services.backend needs it",
            "environments.dev.migrations.unsafe: there is no database to try them on",
        ],
    ),
    (
        {"environments": {"dev": {"backup": {"kind": "command"}}}},
        ['environments.dev.backup.command: goes with kind = "command", and that with it'],
    ),
    (
        {"environments": {"dev": {"backup": {"command": ["snapshot"]}}}},
        ['environments.dev.backup.command: goes with kind = "command", and that with it'],
    ),
    (
        {"environments": {"dev": {"backup": {"place": "s3://b", "access_key": "env:K"}}}},
        ["environments.dev.backup: access_key and secret_key come together"],
    ),
    (
        {"environments": {"dev": {"backup": {"place": "/b", "endpoint": "https://s3.example"}}}},
        ["environments.dev.backup.endpoint: goes with place = s3://… only"],
    ),
    (
        {"registry": {"username": "env:U"}},
        ["registry: username and password come together"],
    ),
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
        {
            "environments": {
                "prod": {"hosts": ["ssh://a@one", "ssh://a@one:2222", {"engine": "ssh://b@one"}]}
            }
        },
        ["environments.prod.hosts[2]: one is named twice"],
    ),
    (
        {"environments": {"prod": {"secrets": {"KEY": None}, "database": None}}},
        [
            "environments.prod.secrets: DATABASE_URL is missing, services.backend needs it",
            "environments.prod.secrets: KEY is missing, services.backend needs it",
        ],
    ),
    (
        {"migrations": {"service": "web"}},
        ['migrations.service: there is no service "web"'],
    ),
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
        {"environments": {"prod": {"promotes_from": "uat"}}},
        ['environments.prod.promotes_from: there is no environment "uat"'],
    ),
    (
        {"environments": {"prod": {"promotes_from": "prod"}}},
        ["environments.prod.promotes_from: is itself"],
    ),
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
        {"environments": {"prod": {"hosts": ["ssh://a@b", "prod1"]}}},
        ['environments.prod.hosts[1]: should be unix://… or ssh://user@host, got "prod1"'],
    ),
    (
        {"environments": {"prod": {"hosts": ["ssh://["]}}},
        ['environments.prod.hosts[0]: should be unix://… or ssh://user@host, got "ssh://["'],
    ),
    (
        {"environments": {"prod": {"hosts": ["ssh://a@b:c"]}}},
        ['environments.prod.hosts[0]: should be unix://… or ssh://user@host, got "ssh://a@b:c"'],
    ),
    (
        {"environments": {"prod": {"hosts": [{"adress": "x"}]}}},
        [
            "environments.prod.hosts[0].engine: field required",
            "environments.prod.hosts[0].adress: is not a key Fairlead knows",
        ],
    ),
    (
        {"environments": {"prod": {"hosts": []}}},
        ["environments.prod.hosts: tuple should have at least 1 item after validation, not 0"],
    ),
    (
        {"environments": {"prod": {"soak": -1}}},
        ['environments.prod.soak: input should be greater than or equal to 0, got "-1"'],
    ),
    (
        {"environments": {"prod": {"soak": float("nan")}}},
        ['environments.prod.soak: input should be less than or equal to 86400, got "nan"'],
    ),
    (
        {"environments": {"prod": {"tls": "on"}}},
        ["environments.prod.tls: input should be 'auto', 'internal' or 'off', got \"on\""],
    ),
    (
        {"environments": {"prod": {"database": {"via": "unix:///run/docker.sock"}}}},
        ["environments.prod.database.via: should be ssh://user@host"],
    ),
    (
        {"environments": {"prod": {"freeze": ["fri 16:00 - mon 08:00", "friday"]}}},
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
        {"environments": {"dev": {"backup": {"place": "backups"}}}},
        [
            "environments.dev.backup.place: should be a folder (/var/backups) "
            'or s3://bucket/prefix, got "backups"'
        ],
    ),
    (
        {"environments": {"dev": {"backup": {"place": "s3://b", "access_key": "AKIA"}}}},
        [
            "environments.dev.backup.access_key: should be env:NAME, file:path or "
            "prefect:block-name, not the secret itself",
            "environments.dev.backup: access_key and secret_key come together",
        ],
    ),
    (
        {"keep_releases": 0},
        ['keep_releases: input should be greater than or equal to 1, got "0"'],
    ),
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
        (
            {"environments": {"dev": {"secrets": {"KEY": "hunter22"}}}},
            f"environments.dev.secrets.KEY: {REFERENCE}",
        ),
        (
            {"environments": {"dev": {"secrets": "hunter22"}}},
            "environments.dev.secrets: input should be a valid dictionary",
        ),
        (
            {"environments": {"dev": {"database": "postgresql://u:hunter22@h/d"}}},
            "environments.dev.database: input should be a valid dictionary or instance of Database",
        ),
        (
            {"environments": {"dev": {"database": {"url": "postgresql://u:hunter22@h/d"}}}},
            f"environments.dev.database.url: {REFERENCE}",
        ),
        (
            {"environments": {"dev": {"notify": {"slack": {"channel": "#a", "token": "env:"}}}}},
            f"environments.dev.notify.slack[0].token: {REFERENCE}",
        ),
        (
            {"registry": {"username": "env:U", "password": "hunter22"}},
            f"registry.password: {REFERENCE}",
        ),
        (
            {"dispatch": {**DISPATCH, "secrets": ["hunter22"]}},
            f"dispatch.secrets[0]: {REFERENCE}",
        ),
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


def test_a_name_that_is_not_there_is_answered_with_those_that_are() -> None:
    with pytest.raises(UnknownEnvironment) as no_environment:
        config().environment("uat")
    assert str(no_environment.value) == (
        'There is no environment "uat" in the config.\nIt has: dev, prod'
    )
    with pytest.raises(UnknownService) as no_service:
        config().service("web")
    assert str(no_service.value) == (
        'There is no service "web" in the config.\nIt has: backend, frontend'
    )


# -- what is kept with a release -------------------------------------------------------------


@pytest.mark.parametrize("read", [config(), load(SHOP, {})])
def test_a_snapshot_reads_back_as_the_same_config(read: Config) -> None:
    again = read.recorded(read.snapshot())
    assert again == read
    assert again.digest("dev") == read.digest("dev")


def test_what_was_released_is_gone_back_to_with_the_policy_of_today() -> None:
    then = config(environments={"dev": {"soak": 10, "domain": "old.example"}})
    now = config(time_zone="Europe/Berlin", environments={"dev": {"soak": 60, "freeze": []}})
    again = now.recorded(then.snapshot()).environment("dev")
    assert (again.soak, again.domain) == (60, "old.example")
    gone = config(environments={"dev": None, "prod": {"promotes_from": None}})
    assert gone.recorded(then.snapshot()).environment("dev").domain == "old.example"


def test_a_snapshot_holds_neither_who_may_start_a_release_nor_where_its_code_is() -> None:
    assert "dispatch" not in config(dispatch=DISPATCH).snapshot()
    snapshot = config(github=GITHUB, **CHECKED).snapshot()
    assert "github" not in snapshot
    assert "require_checks" not in snapshot["environments"]["dev"]


def test_a_snapshot_is_without_what_does_not_decide_how_a_release_runs() -> None:
    read = config(dispatch=DISPATCH, github={"repository": "shop/shop"}, keep_releases=2)
    assert read.snapshot() == config().snapshot()


@pytest.mark.parametrize(
    "over",
    [
        {"registry": {"host": "other.example"}},
        {"proxy": {"image": "caddy:2.8"}},
        {"services": {"backend": {"env": {"DEBUG": "1"}}}},
        {"services": {"backend": {"replicas": 2}}},
        {"services": {"frontend": {"health": {"path": "/up"}}}},
        {"environments": {"dev": {"domain": "other.example"}}},
        {"environments": {"dev": {"env": {"DEBUG": "1"}}}},
        {"environments": {"dev": {"secrets": {"KEY": "env:OTHER"}}}},
        {"environments": {"dev": {"hosts": ["ssh://a@b"]}}},
        {"environments": {"dev": {"tls": "off"}}},
    ],
)
def test_the_digest_changes_when_how_it_runs_changes(over: dict[str, Any]) -> None:
    assert config(**over).digest("dev") != config().digest("dev")


@pytest.mark.parametrize(
    "over",
    [
        {"lease_ttl": 60},
        {"github": {"repository": "owner/shop"}},
        {"dispatch": DISPATCH},
        {"keep_releases": 1},
        {"environments": {"dev": {"backup": {"place": "/backups", "drill": True}}}},
        {"smoke": [{"path": "/up"}]},
        {"migrations": {"timeout": 60}},
        {"registry": {"username": "env:U", "password": "env:P"}},
        {"environments": {"dev": {"soak": 60}}},
        {"environments": {"dev": {"branch": "develop"}}},
        {"environments": {"dev": {"batch": 2}}},
        {"environments": {"dev": {"migrations": {"unsafe": "refuse", "large_mb": 5}}}},
        {"environments": {"dev": {"freeze": ["fri 16:00 - mon 08:00"]}}},
        {"github": GITHUB, **CHECKED},
        {"time_zone": "Europe/Berlin"},
        {"environments": {"dev": {"notify": {"slack": {"channel": "#a", "token": "env:T"}}}}},
        {"environments": {"prod": {"env": {"DEBUG": "1"}, "tls": "off"}}},
    ],
)
def test_the_digest_stays_when_only_policy_or_another_environment_changes(
    over: dict[str, Any],
) -> None:
    assert config(**over).digest("dev") == config().digest("dev")


def test_the_digest_does_not_know_the_order_of_keys() -> None:
    turned = {name: dict(reversed(table.items())) for name, table in usual()["services"].items()}
    raw = {**usual(), "services": turned}
    assert parse(raw, source="f").digest("dev") == config().digest("dev")


# -- whatever comes --------------------------------------------------------------------------

KEYS = st.sampled_from(
    [
        *usual(),
        *("dispatch", "repositories", "actors", "branch"),
        *("migrations", "smoke", "proxy", "lease_ttl", "backend", "dev", "files", "routes"),
        *usual()["services"]["backend"],
        *usual()["environments"]["prod"],
        *("path", "domain", "template", "content", "commands", "preset", "service", "engine"),
        *("env", "via", "username", "password", "insecure", "notify", "slack", "token", "\0", ""),
    ]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["env:X", "ssh://[", "ssh://a@b:x", "unix:///s", "/", "none", "command", "dev"]
    ),
    st.just(datetime.date(2026, 1, 1)),
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@given(raw=st.dictionaries(KEYS, ANYTHING, max_size=6))
def test_nothing_but_a_config_error_comes_of_any_input(raw: dict[str, Any]) -> None:
    try:
        parse(raw, source="f", folder=Path("/nonexistent"))
    except ConfigError as error:
        assert error.problems  # noqa: PT017 most of it ends here, not all


PLACES = [
    *[("services", "backend", key) for key in ("image", "routes", "files", "depends_on", "env")],
    *[("services", "frontend", key) for key in ("secrets", "health", "command", "volumes")],
    *[("environments", "dev", key) for key in ("hosts", "database", "secrets", "promotes_from")],
    *[("migrations", key) for key in ("preset", "service", "commands", "manage", "timeout")],
    *[("registry", key) for key in ("host", "username", "insecure")],
    ("smoke",),
    ("services", "backend"),
    ("environments", "dev"),
    ("services",),
    ("environments",),
]


@given(place=st.sampled_from(PLACES), value=ANYTHING)
def test_one_odd_value_in_a_good_config_is_refused_in_words_or_accepted(
    place: tuple[str, ...], value: Any
) -> None:
    raw = usual(migrations={"timeout": 5})
    table = raw
    for key in place[:-1]:
        table[key] = dict(table[key])
        table = table[key]
    table[place[-1]] = value
    try:
        parse(raw, source="f", folder=Path("/nonexistent"))
    except ConfigError as error:
        assert error.problems  # noqa: PT017 an odd value may be a right one


MOST = usual(
    github=GITHUB,
    dispatch={**DISPATCH, "actors": ["octocat"], "body_limit": 2048},
    checks=[{"sql": "select true", "expect": True}],
    smoke=[{"path": "/", "headers": {"X-A": "b"}}],
    masking={"key": "env:MASKING_KEY", "rules": {"a.b": "keep", "a.c": {"hash": "email"}}},
    services={"backend": {"files": [{"path": "/f", "content": "${KEY}"}], "replicas": 2}},
    environments={
        "prod": {
            "freeze": ["fri 16:00 - mon 08:00"],
            "backup": {"kind": "dump", "place": "s3://a/b", "keep": 2},
            "notify": {"slack": [{"channel": "#a", "token": "env:T"}]},
            "approval": "other",
        }
    },
)
Place = tuple[str | int, ...]


def places(value: Any, place: Place = ()) -> list[Place]:
    """Of every table, list and value below."""
    inner: list[tuple[str | int, Any]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    below = [found for key, one in inner for found in places(one, (*place, key))]
    return [place, *below] if place else below


def changed(raw: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    """A copy with something else there."""
    whole: Any = copy.deepcopy(raw)
    table = whole
    for key in place[:-1]:
        table = table[key]
    table[place[-1]] = value
    assert isinstance(whole, dict)
    return whole


WRITABLE = st.recursive(
    st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(codec="utf-8"), max_size=20)
    | st.sampled_from(["env:", "ssh://[", "/\r\nHost: a", "\x1b[31m", "${", "*", "s3://", "."])
    | st.dates()
    | st.times(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("config") / "fairlead.toml"


def read(file: Path, content: bytes, environ: Mapping[str, str] | None = None) -> Config | None:
    """None where it is refused, with all of what is wrong in words for a person."""
    file.write_bytes(content)
    try:
        return load(file, environ or {})
    except ConfigError as error:
        told = error.problems
    assert told
    assert all(problem.strip() for problem in told)
    return None


def test_the_config_that_is_made_odd_is_a_good_one(file: Path) -> None:
    assert read(file, tomli_w.dumps(MOST).encode()) is not None


@given(place=st.sampled_from(places(MOST)), value=WRITABLE)
def test_any_odd_value_of_a_file_is_refused_in_words_or_can_be_worked_with(
    place: Place, value: Any, file: Path
) -> None:
    config = read(file, tomli_w.dumps(changed(MOST, place, value)).encode())
    if config is not None:
        assert config.recorded(config.snapshot()).snapshot() == config.snapshot()
        for name, environment in config.environments.items():
            assert re.fullmatch("[0-9a-f]{64}", config.digest(name))
            assert environment.url.startswith("http")


@given(at=st.integers(0, 5000), length=st.integers(0, 200), put=st.binary(max_size=20))
def test_a_file_that_is_damaged_is_refused_in_words_or_can_be_worked_with(
    at: int, length: int, put: bytes, file: Path
) -> None:
    whole = SHOP.read_bytes()
    start = at % len(whole)
    read(file, whole[:start] + put + whole[start + length :])


@given(
    keys=st.lists(st.one_of(KEYS, st.text(max_size=8)), max_size=4),
    value=st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30),
)
def test_an_odd_override_is_refused_in_words_or_can_be_worked_with(
    keys: list[str], value: str, file: Path
) -> None:
    name = "__".join(["FAIRLEAD", *(key.upper() for key in keys)])
    read(file, tomli_w.dumps(MOST).encode(), {name: value})
