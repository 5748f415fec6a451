"""Somebody approves a release in Prefect's UI, in a real browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from examples.stand.prefect_server import PrefectServer
from fairlead.model import StepName
from tests.bench.bench import Bench
from tests.bench.browser import Browser
from tests.bench.prefect import Stage, staged, wait_for


@pytest.fixture
def stage(bench: Bench, prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Stage]:
    with staged(bench, prefect_server, tmp_path / "stage", approval="other") as made:
        made.start_worker()
        yield made


def waits(stage: Stage, run: str, turn: int) -> bool:
    details = stage.api.run(run)["state"]["state_details"]
    return bool(details.get("pause_key") == f"approval-{turn}")


def answer(desk: Browser, run: str, name: str, screenshot: str) -> None:
    """Read what is asked, and approve it."""
    desk.open(f"/runs/flow-run/{run}")
    desk.sees("Suspended")
    desk.press("Resume")
    desk.sees("May this release go on?")
    desk.choose("Decision", "approve")
    desk.fill("Name", name)
    desk.fill("Reason", "seen it in dev")
    desk.shoot(screenshot, height=1700)
    desk.press("Submit")


def test_release_is_approved_in_the_form_by_somebody_else(stage: Stage, desk: Browser) -> None:
    sha = stage.push("v1")
    given = {"sha": sha, "requested_by": "alice", "reason": "the price of veal"}
    run = stage.api.start(stage.release, given)
    wait_for(lambda: waits(stage, run, 1), "it waits for approval", 90)
    answer(desk, run, "alice", "14-approval-form")
    wait_for(lambda: waits(stage, run, 2), "alice is asked again", 90)
    desk.open(f"/runs/flow-run/{run}")
    desk.press("Resume")
    desk.sees("alice asked for it, and somebody else has to approve it", exact=False)
    desk.shoot("15-approval-asked-again", height=1700)
    answer(desk, run, "bob", "16-approval-by-another")
    assert stage.api.ended(run)["state"]["name"] == "Completed"
    desk.open(f"/runs/flow-run/{run}")
    desk.sees("Completed")
    desk.shoot("17-approved-run", height=1300)
    assert stage.bench.serves() == "v1"
    approved = [s.detail for s in stage.bench.steps(1) if s.name is StepName.APPROVE][-1]
    assert approved == "approved by bob, prefect: seen it in dev"
