"""References become values in memory, or an error that names the reference and never a value."""

from pathlib import Path
from typing import Any

import pytest

from fairlead.config import Config, GitHub, parse
from fairlead.errors import SecretMissing
from fairlead.project import Project
from fairlead.secrets import Secrets, secret_references


def config() -> Config:
    return parse(
        {
            "project": "shop",
            "registry": {"host": "r"},
            "services": {"web": {"image": "shop/web"}},
            "environments": {
                "dev": {
                    "hosts": ["unix:///s"],
                    "domain": "d",
                    "database": {"url": "env:URL", "direct_url": "env:DIRECT"},
                    "secrets": {"KEY": "env:KEY"},
                }
            },
        },
        source="f",
    )


def test_an_environment_variable_is_read() -> None:
    found = Secrets({"KEY": " a b "}).resolve("env:KEY")
    assert found.get_secret_value() == " a b "
    assert "a b" not in repr(found)


def test_a_file_is_read_without_the_space_around_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("  two\nlines\n")
    assert Secrets({}).resolve(f"file:{tmp_path}/key").get_secret_value() == "two\nlines"


def test_a_file_may_be_in_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "key").write_text("one")
    assert Secrets({}).resolve("file:~/key").get_secret_value() == "one"


def test_a_block_is_asked_of_prefect() -> None:
    loader = {"shop-key": "from a block"}.__getitem__
    assert Secrets({}, loader).resolve("prefect:shop-key").get_secret_value() == "from a block"


NEXT = "Set it where Fairlead runs, then try: fairlead check"


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("env:NONE", "The secret env:NONE is not there: the environment variable is not set."),
        ("env:EMPTY", "The secret env:EMPTY is not there: it is empty."),
        (
            "prefect:key",
            "The secret prefect:key is not there: no Prefect API is configured here.",
        ),
        (
            "file:/nonexistent/key",
            "The secret file:/nonexistent/key is not there: the file cannot be read: "
            "[Errno 2] No such file or directory: '/nonexistent/key'.",
        ),
    ],
)
def test_a_secret_that_is_missing_is_named(reference: str, message: str) -> None:
    with pytest.raises(SecretMissing) as caught:
        Secrets({"EMPTY": ""}).resolve(reference)
    assert str(caught.value) == f"{message}\n{NEXT}"
    assert caught.value.reference == reference
    assert caught.value.exit_code == 2


def test_a_file_that_is_no_text_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"hunter22\xff")
    with pytest.raises(SecretMissing) as caught:
        Secrets({}).resolve(f"file:{tmp_path}/key")
    assert str(caught.value) == (
        f"The secret file:{tmp_path}/key is not there: the file cannot be read: "
        f"'utf-8' codec can't decode byte 0xff in position 8: invalid start byte.\n{NEXT}"
    )


def test_an_environment_s_secrets_are_the_database_url_and_its_own() -> None:
    assert secret_references(config(), "dev") == {"DATABASE_URL": "env:URL", "KEY": "env:KEY"}
    values = Secrets({"URL": "postgresql://h", "KEY": "k"}).of_environment(config(), "dev")
    assert {name: value.get_secret_value() for name, value in values.items()} == {
        "DATABASE_URL": "postgresql://h",
        "KEY": "k",
    }


def test_a_missing_secret_stops_unless_what_is_there_will_do() -> None:
    secrets = Secrets({"KEY": "k"})
    with pytest.raises(SecretMissing):
        secrets.of_environment(config(), "dev")
    assert list(secrets.of_environment(config(), "dev", strict=False)) == ["KEY"]


def test_the_token_for_github_is_hidden_once_it_is_known() -> None:
    token = "github_pat_planted"
    github = GitHub(repository="o/shop", token="env:TOKEN")
    asking = config().model_copy(update={"github": github})
    values = {"URL": "postgresql://h", "DIRECT": "postgresql://h", "KEY": "k", "TOKEN": token}
    nothing: Any = None  # no store is needed for it
    project = Project(asking, nothing, Secrets(values))
    project.know_secrets(config(), "dev")  # an old config, as when going back
    assert project.redact(f"Bearer {token}!") == "Bearer ***!"
