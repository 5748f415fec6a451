"""Databases to save: on the newest PostgreSQL, of the wheel, and on an older one, of Debian."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.stand.postgres import Postgres
from fairlead.store import embedded
from tests.bench.saved import Saved, database_on


@pytest.fixture(scope="session")
def newest() -> Iterator[str]:
    """PostgreSQL 18, on a Unix socket, of the wheel. It runs as another user than root, and whoever
    starts pytest closes the folder of its temporary files to others."""
    with tempfile.TemporaryDirectory() as made:
        Path(made).chmod(0o755)
        folder = Path(made) / "data"
        yield embedded.start(folder)
        embedded.stop(folder)


@pytest.fixture
def saved(
    store_url: str, newest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Saved]:
    monkeypatch.setenv("FAIRLEAD_HOME", str(tmp_path / "home"))
    with database_on(newest) as url:
        yield Saved(store_url, url, tmp_path)


@pytest.fixture
def older(
    store_url: str, postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Saved]:
    """On the older server, which wants a password."""
    monkeypatch.setenv("FAIRLEAD_HOME", str(tmp_path / "home"))
    with database_on(postgres.url()) as url:
        yield Saved(store_url, url, tmp_path)
