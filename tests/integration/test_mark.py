"""The mark of an environment in its database, and the refusals that it is for."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
import tomli_w
from click.testing import CliRunner
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row

from fairlead.cli import fairlead
from fairlead.database.refresh.identity import (
    Identity,
    Mark,
    check_pair,
    identify,
    write_mark,
)
from fairlead.errors import CannotMark, WrongDatabase
from fairlead.store.database import address
from tests.bench.masked import Copy, copy_on


@pytest.fixture
def two(newest: str) -> Iterator[tuple[Copy, Copy]]:
    """Production, and what is to be filled from it."""
    with ExitStack() as stack:
        yield (
            stack.enter_context(copy_on(newest, "create table item (id int)")),
            stack.enter_context(copy_on(newest, "create table item (id int)")),
        )


@contextmanager
def connected(copy: Copy) -> Iterator[psycopg.Connection[dict[str, Any]]]:
    with psycopg.connect(copy.url, autocommit=True, row_factory=dict_row) as connection:
        yield connection


def identity(copy: Copy, environment: str) -> Identity:
    with connected(copy) as connection:
        return identify(connection, environment, address(copy.url))


def write(copy: Copy, environment: str, project: str = "shop") -> None:
    with connected(copy) as connection:
        write_mark(connection, Mark(project, environment, "tester"))


def pair(source: Copy, target: Copy, *, productions: tuple[str, ...] = ("prod",)) -> None:
    check_pair("shop", identity(source, "prod"), identity(target, "uat"), productions=productions)


def marked(folder: Path, store: str, urls: dict[str, str], *words: str, answer: str = "") -> Any:
    usual = {"hosts": ["unix:///var/run/docker.sock"], "domain": "x.example"}
    config = {
        "project": "shop",
        "registry": {"host": "registry.example"},
        "services": {"web": {"image": "web"}},
        "environments": {name: {**usual, "database": {"url": f"env:{name}"}} for name in urls},
    }
    path = folder / "fairlead.toml"
    path.write_text(tomli_w.dumps(config))
    command = ["--config", str(path), "refresh", "mark", *words]
    return CliRunner(env={"FAIRLEAD_STORE_URL": store, **urls}).invoke(
        fairlead, command, input=answer
    )


def test_a_target_with_its_mark_may_be_filled(two: tuple[Copy, Copy]) -> None:
    source, target = two
    write(target, "uat")
    pair(source, target)
    write(source, "prod")
    pair(source, target)


def test_a_target_without_a_mark_is_refused(two: tuple[Copy, Copy]) -> None:
    source, target = two
    with pytest.raises(WrongDatabase) as refused:
        pair(source, target)
    at = identity(target, "uat")
    assert str(refused.value) == (
        f"uat ({address(target.url)}, server {at.system}) is not refreshed from "
        f"prod ({address(source.url)}, server {at.system}): the database of uat does not say that "
        "it is uat's. Nothing was touched.\nLook whether it is, then: fairlead refresh mark uat"
    )


@pytest.mark.parametrize(("environment", "project"), [("prod", "shop"), ("uat", "other")])
def test_a_target_with_the_mark_of_another_is_refused(
    two: tuple[Copy, Copy], environment: str, project: str
) -> None:
    source, target = two
    write(target, environment, project)
    with pytest.raises(WrongDatabase, match=f"is marked as that of {environment} of {project}"):
        pair(source, target)


def test_a_source_with_the_mark_of_another_is_refused(two: tuple[Copy, Copy]) -> None:
    source, target = two
    write(target, "uat")
    write(source, "uat")
    with pytest.raises(WrongDatabase, match="the database of prod is marked as that of uat"):
        pair(source, target)


def test_one_database_by_two_host_names_is_refused(two: tuple[Copy, Copy]) -> None:
    _, target = two
    write(target, "uat")
    with connected(target) as connection:
        other = identify(connection, "prod", "another-name:5432/app")
    with pytest.raises(WrongDatabase, match="of the same server"):
        check_pair("shop", other, identity(target, "uat"), productions=())


def test_production_is_never_filled(two: tuple[Copy, Copy]) -> None:
    source, target = two
    write(target, "uat")
    with pytest.raises(WrongDatabase, match="uat is production"):
        pair(source, target, productions=("prod", "uat"))


def test_everybody_can_read_a_mark_and_masking_passes_over_it(newest: str) -> None:
    with copy_on(newest, "create table item (id int)") as copy:
        write(copy, "prod")
        copy.complete({"item.id": "keep"})
        name = conninfo_to_dict(copy.url)["dbname"]
        copy.run(f'create role "{name}" login')
        try:
            with connected(copy) as connection:
                connection.execute(f'set role "{name}"'.encode())
                assert str(identify(connection, "prod", "x").mark).startswith("prod of shop since")
                with pytest.raises(psycopg.errors.InsufficientPrivilege):
                    connection.execute("update fairlead_mark.environment set environment = 'uat'")
        finally:
            copy.run(f'drop owned by "{name}"; drop role "{name}"')


def test_the_command_shows_the_database_and_asks(
    two: tuple[Copy, Copy], store_url: str, tmp_path: Path
) -> None:
    source, target = two
    urls = {"prod": source.url, "uat": target.url}
    no = marked(tmp_path, store_url, urls, "uat", answer="n\n")
    assert f"at {address(target.url)}, server {identity(target, 'uat').system}" in no.output
    assert "1 tables in 1 schemas" in no.output
    assert identity(target, "uat").mark is None
    assert no.exit_code != 0

    yes = marked(tmp_path, store_url, urls, "uat", answer="y\n")
    assert yes.exception is None, yes.exception
    mark = identity(target, "uat").mark
    assert mark is not None
    assert mark.is_of("shop", "uat")
    again = marked(tmp_path, store_url, urls, "uat")  # asks nothing
    assert f"is marked as that of {mark}." in again.output


def test_the_database_of_another_environment_is_not_marked(
    two: tuple[Copy, Copy], store_url: str, tmp_path: Path
) -> None:
    source, _ = two
    urls = {"prod": source.url, "uat": source.url}
    refused = marked(tmp_path, store_url, urls, "uat", "--yes").exception
    assert isinstance(refused, CannotMark)
    assert refused.message.endswith(f"it is that of {identity(source, 'prod')} too.")
    assert identity(source, "prod").mark is None


def test_a_mark_of_another_environment_stays(
    two: tuple[Copy, Copy], store_url: str, tmp_path: Path
) -> None:
    source, _ = two
    marked(tmp_path, store_url, {"prod": source.url}, "prod", "--yes")
    before = identity(source, "prod").mark
    urls = {"prod": "postgresql://u:p@[::1]:1/x", "uat": source.url}
    refused = marked(tmp_path, store_url, urls, "uat", "--yes").exception
    assert isinstance(refused, CannotMark)
    assert f"it is marked as that of {before}" in refused.message
    assert identity(source, "prod").mark == before


def test_who_cannot_be_compared_is_said(
    two: tuple[Copy, Copy], store_url: str, tmp_path: Path
) -> None:
    _, target = two
    urls = {"prod": "postgresql://u:s3cret@[::1]:1/x", "uat": target.url}
    done = marked(tmp_path, store_url, urls, "uat", "--yes")
    assert "it was not compared with that of prod: " in done.output
    assert "s3cret" not in done.output
