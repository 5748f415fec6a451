"""What the config may say of a refresh."""

from collections.abc import Mapping
from typing import Any

import pytest

from fairlead.config import RefreshSettings, parse
from fairlead.errors import ConfigError
from tests.bench.bench import merged

USUAL: Mapping[str, Any] = {
    "project": "shop",
    "registry": {"host": "registry.example"},
    "services": {"web": {"image": "web", "port": 8000}},
    "masking": {"key": "env:MASKING_KEY"},
    "environments": {
        name: {
            "hosts": ["unix:///var/run/docker.sock"],
            "domain": f"{name}.example",
            "database": {"url": f"env:{name.upper()}_URL"},
        }
        for name in ("uat", "prod")
    },
}


def raw(refresh: Any, **over: Any) -> dict[str, Any]:
    return merged(merged(USUAL, {"environments": {"uat": {"refresh": refresh}}}), over)


def refreshed(refresh: Any, **over: Any) -> RefreshSettings:
    found = parse(raw(refresh, **over), source="f").environment("uat").refresh
    assert found is not None
    return found


def test_a_refresh_needs_no_more_than_whose_data_it_takes() -> None:
    found = refreshed({"from": "prod"})
    assert (found.source, found.read, found.at) == ("prod", "database", "0 0 * * *")
    assert (found.keep_days, found.jobs, found.rate_mb) == (7, 2, 0)
    assert (found.leave_out, found.tenants, found.carry, found.restart) == ((), (), (), ())


def test_all_rows_of_a_table_are_carried_over_where_no_condition_is_given() -> None:
    found = refreshed({"from": "prod", "carry": [{"table": "auth_user"}]})
    assert [(one.table, one.where) for one in found.carry] == [("auth_user", "true")]


def test_a_refresh_is_no_part_of_what_a_release_runs() -> None:
    without, with_it = (
        parse(raw(refresh), source="f") for refresh in (None, {"from": "prod", "at": "30 1 * * *"})
    )
    assert with_it.snapshot() == without.snapshot()
    assert with_it.digest("uat") == without.digest("uat")


@pytest.mark.parametrize(
    ("refresh", "over", "problems"),
    [
        ({"from": "qa"}, {}, ['.from: there is no environment "qa"']),
        (
            {},
            {"environments": {"uat": {"refresh": {"at": "0 0 * * *"}}}},
            [".from: field required"],
        ),
        (
            {"from": "prod"},
            {"environments": {"uat": {"production": True}}},
            [": uat is production: no data of another environment comes there"],
        ),
        (
            {"from": "uat"},
            {},
            [": uat is refreshed from uat, which has to be left alone"],
        ),
        (
            {"from": "prod"},
            {"environments": {"uat": {"database": None}}},
            [": there is no database to refresh"],
        ),
        (
            {"from": "prod"},
            {"environments": {"prod": {"database": None}}},
            [".from: prod has no database"],
        ),
        (
            {"from": "prod"},
            {"masking": None},
            [": needs [masking], which says what becomes of each column"],
        ),
        ({"from": "prod", "restart": ["api"]}, {}, ['.restart[0]: there is no service "api"']),
        (
            {"from": "prod", "url": "postgresql://reader:s3cret@db/shop"},
            {},
            [".url: should be env:NAME, file:path or prefect:block-name, not the secret itself"],
        ),
    ],
)
def test_what_cannot_be_meant_is_told(
    refresh: Any, over: Mapping[str, Any], problems: list[str]
) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(raw(refresh, **over), source="f")
    assert list(caught.value.problems) == [f"environments.uat.refresh{one}" for one in problems]


def test_production_is_filled_from_nowhere_in_a_circle_neither() -> None:
    over = {"environments": {"prod": {"refresh": {"from": "uat"}}}}
    with pytest.raises(ConfigError) as caught:
        parse(raw({"from": "prod"}, **over), source="f")
    assert list(caught.value.problems) == [
        "environments.uat.refresh: prod is refreshed from uat, which has to be left alone",
        "environments.prod.refresh: uat is refreshed from prod, which has to be left alone",
    ]


@pytest.mark.parametrize(
    "at", ["0 0 * * *", "30 3 * * 1-5", "*/15 0-6/2 1,15 * 7", "59 23 31 12 0"]
)
def test_when_is_cron(at: str) -> None:
    assert refreshed({"from": "prod", "at": at}).at == at


@pytest.mark.parametrize(
    "at", ["", "midnight", "0 0 * *", "60 0 * * *", "0 24 * * *", "0 0 0 * *", "5-1 0 * * *",
           "0 0 * * * *", "*/0 * * * *", "0 0 * 13 *", "a b c d e", "1,,2 0 * * *"],
)  # fmt: skip
def test_what_is_no_cron_is_refused(at: str) -> None:
    with pytest.raises(ConfigError, match=r"refresh\.at: should be five fields of cron"):
        refreshed({"from": "prod", "at": at})
