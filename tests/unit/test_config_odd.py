"""fairlead.toml: whatever it holds is refused in words or can be worked with."""

import copy
import datetime
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from fairlead.config import Config, load, parse
from fairlead.errors import ConfigError
from tests.unit.configs import DISPATCH, GITHUB, SHOP, usual

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
