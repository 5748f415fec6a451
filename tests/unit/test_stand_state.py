"""The state folder: secrets that only their owner reads, drawn once."""

import threading
from pathlib import Path

import pytest

from examples.stand.state import REPOSITORY, State, last_lines, machine_lock


def test_home_is_dot_stand_of_the_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STAND_HOME", raising=False)
    assert State.from_environment() == State(REPOSITORY / ".stand")


def test_stand_home_overrides_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("STAND_HOME", str(tmp_path))
    assert State.from_environment() == State(tmp_path)


def test_secret_is_drawn_once_and_private(tmp_path: Path) -> None:
    state = State(tmp_path / "home")
    secret = state.secret("postgres")
    assert state.secret("postgres") == secret
    assert state.secret("other") != secret
    assert len(secret) == 32
    file = state.home / "secrets" / "postgres"
    assert [path.stat().st_mode & 0o777 for path in (state.home, file.parent, file)] == [
        0o700,
        0o700,
        0o600,
    ]


def test_lock_keeps_a_second_caller_waiting() -> None:
    order = []

    def second() -> None:
        with machine_lock("unit-test"):
            order.append("second")

    with machine_lock("unit-test"):
        waiting = threading.Thread(target=second)
        waiting.start()
        waiting.join(0.1)
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


def test_last_lines_of_no_file_are_empty(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none.log") == ""


def test_last_lines_are_the_end_of_the_file(tmp_path: Path) -> None:
    log = tmp_path / "some.log"
    log.write_text("one\ntwo\nthree\n")
    assert last_lines(log, count=2) == "two\nthree"
