"""`fairlead refresh rules`: the first set of rules, read from a database that is only read."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import tomli_w
from click.testing import CliRunner

from fairlead.cli import fairlead
from fairlead.config import Masking
from fairlead.database.masking import reading as reading_module
from fairlead.database.masking.reading import reading
from fairlead.errors import DatabaseUnreachable, FairleadError, NotReadOnly
from tests.bench.masked import Copy, copy_on
from tests.integration.test_masking import TYPES
from tests.integration.test_masking_tables import TENANTS


@pytest.fixture
def production(newest: str) -> Iterator[Copy]:
    with copy_on(newest, TYPES + TENANTS) as copy:
        yield copy


def run(folder: Path, store: str, url: str, *words: str, masking: Any = None) -> Any:
    usual = {"hosts": ["unix:///var/run/docker.sock"], "domain": "x.example"}
    config: dict[str, Any] = {
        "project": "shop",
        "registry": {"host": "registry.example"},
        "services": {"web": {"image": "web"}},
        "environments": {
            "prod": {**usual, "database": {"url": "env:PROD_URL"}},
            "uat": {**usual, "database": {"url": "env:UAT_URL"}},
        },
        **({"masking": masking} if masking else {}),
    }
    path = folder / "fairlead.toml"
    path.write_text(tomli_w.dumps(config))
    environ = {
        "FAIRLEAD_STORE_URL": store,
        "PROD_URL": url,
        "UAT_URL": "postgresql://u:s3cret@[::1]:1/x",
    }
    return CliRunner(env=environ).invoke(
        fairlead, ["--config", str(path), "refresh", "rules", *words]
    )


def test_what_it_writes_is_all_that_masking_needs(
    production: Copy, store_url: str, tmp_path: Path
) -> None:
    done = run(tmp_path, store_url, production.url, "uat", "--from", "prod")
    assert done.exception is None, done.exception
    assert "eal.example" not in done.output
    assert "Real" not in done.output
    written = tomllib.loads(done.output)["masking"]
    Masking.model_validate(written)
    production.complete(written["rules"])
    # What is kept is structure: none of the personal columns is.
    kept = {name for name, rule in written["rules"].items() if rule == "keep"}
    assert kept == {
        "person.id", "person.favourite", "person.weight", "person.number", "person.big",
        "person.numbers", "person.seen", "customer.id", "order.id",
    }  # fmt: skip
    more = {**written, "rules": {**written["rules"], "order.gone": "keep"}}
    again = run(tmp_path, store_url, production.url, "prod", masking=more)
    assert again.output == (
        "# Every column of prod has a rule that it can have.\n"
        "# There is no column for the rule order.gone.\n"
    )
    for at in (1, 2, 3):  # as between the parts of a restore: keys come afterwards
        for column in ("buyer", "customer"):
            drop = f'alter table tenant_{at}."order" drop constraint order_{column}_fkey'
            production.run(drop)
    copied = production.mask(written["rules"])
    assert copied.tables > 5
    whole = str([production.run(f"select * from {table}") for table in ("person", "customer")])
    assert "eal" not in whole.replace("real_", "")


def test_only_what_has_no_rule_is_written(production: Copy, store_url: str, tmp_path: Path) -> None:
    whole = run(tmp_path, store_url, production.url, "prod")
    written = tomllib.loads(whole.output)["masking"]
    written["rules"].pop("order.note")
    done = run(tmp_path, store_url, production.url, "prod", masking=written)
    lines = [line for line in done.output.splitlines() if not line.startswith("#")]
    assert lines == ['"order.note" = { fake = "words" }  # free text, by its name']


def test_a_database_that_does_not_answer_is_said_without_its_password(
    production: Copy, store_url: str, tmp_path: Path
) -> None:
    done = run(tmp_path, store_url, production.url, "uat")
    assert isinstance(done.exception, DatabaseUnreachable)
    assert str(done.exception).startswith("The database of uat at ::1:1/x does not let us in: ")
    assert "s3cret" not in str(done.exception)


def test_an_environment_that_is_not_there_is_told(
    production: Copy, store_url: str, tmp_path: Path
) -> None:
    for words in (["qa"], ["uat", "--from", "qa"]):
        done = run(tmp_path, store_url, production.url, *words)
        assert isinstance(done.exception, FairleadError)
        assert 'There is no environment "qa"' in str(done.exception)


def test_what_reads_cannot_write(production: Copy) -> None:
    with (
        reading("prod", production.url) as connection,
        pytest.raises(psycopg.errors.ReadOnlySqlTransaction),
    ):
        connection.execute("create table x ()")


def test_a_session_that_could_write_reads_nothing(
    production: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a pooler that loses the setting."""
    monkeypatch.setattr(reading_module, "READ_ONLY", {})
    with pytest.raises(NotReadOnly), reading("prod", production.url):
        pass
