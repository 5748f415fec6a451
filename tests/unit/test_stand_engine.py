"""The engine: one that was named but is away is reported, never replaced."""

import os
from pathlib import Path

import pytest

from examples.stand.engine import ensure_engine
from examples.stand.errors import StandError


def refuse_to_say(text: str) -> None:
    raise AssertionError(f"nothing should be started, but: {text}")


def test_engine_that_is_away_is_not_replaced_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///nonexistent/docker.sock")
    monkeypatch.setattr("examples.stand.engine.answering_engine", lambda: None)
    with pytest.raises(StandError) as failure:
        ensure_engine(refuse_to_say)
    assert str(failure.value) == (
        "no Docker engine answers at DOCKER_HOST=unix:///nonexistent/docker.sock; "
        "start it, or unset DOCKER_HOST to use the one of this machine"
    )


def test_without_root_the_way_out_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    monkeypatch.setattr("examples.stand.engine.answering_engine", lambda: None)
    monkeypatch.setattr("examples.stand.engine.SOCKET", Path(os.devnull))
    monkeypatch.setattr(os, "access", lambda *_: True)
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(StandError, match=r"^no Docker engine answers .*; install Docker "):
        ensure_engine(refuse_to_say)
