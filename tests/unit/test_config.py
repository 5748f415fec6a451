"""fairlead.toml: what is accepted, where it comes from, and what changes."""

import tomllib
from pathlib import Path
from typing import Any

import pytest

from fairlead.config import Config, find, load, parse
from fairlead.config.template import written
from fairlead.errors import ConfigError, ConfigMissing, UnknownEnvironment, UnknownService
from tests.unit.configs import (
    CHECKED,
    DISPATCH,
    GITHUB,
    SHOP,
    config,
    in_dev,
    in_prod,
    problems,
    usual,
)

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
        in_dev(domain="other.example"),
        in_dev(env={"DEBUG": "1"}),
        in_dev(secrets={"KEY": "env:OTHER"}),
        in_dev(hosts=["ssh://a@b"]),
        in_dev(tls="off"),
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
        in_dev(backup={"place": "/backups", "drill": True}),
        {"smoke": [{"path": "/up"}]},
        {"migrations": {"timeout": 60}},
        {"registry": {"username": "env:U", "password": "env:P"}},
        in_dev(soak=60),
        in_dev(branch="develop"),
        in_dev(batch=2),
        in_dev(migrations={"unsafe": "refuse", "large_mb": 5}),
        in_dev(freeze=["fri 16:00 - mon 08:00"]),
        {"github": GITHUB, **CHECKED},
        {"time_zone": "Europe/Berlin"},
        in_dev(notify={"slack": {"channel": "#a", "token": "env:T"}}),
        in_prod(env={"DEBUG": "1"}, tls="off"),
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
