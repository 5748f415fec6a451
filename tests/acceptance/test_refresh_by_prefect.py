"""UAT is refreshed by a Prefect worker: from the form, by its schedule, and one at a time."""

import re
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from examples.stand.postgres import Postgres
from examples.stand.prefect_server import PrefectServer
from fairlead.model import Refresh, RefreshState
from tests.bench.bench import Bench
from tests.bench.browser import Browser, lines
from tests.bench.dying import flow_process
from tests.bench.prefect import Stage, staged, wait_for
from tests.bench.refreshed import PRIVATE, RULES, PhaseGates, Refreshed, refreshed, whole

BERLIN = ZoneInfo("Europe/Berlin")
# What is another one each time: moments, durations, sizes, stamps.
FIGURES = r"\d{4}-\d\d-\d\d [\d:]+ UTC|\d+(\.\d+)? (s|ms|kB|MB)\b|\d{8}T\d+|\d+ (values|rounds)"
STEPS = (
    "look dump restore mask build_keys prove migrate carry check_data rehearse swap check_health "
    "report notify"
)


@pytest.fixture
def stage(bench: Bench, prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Stage]:
    with staged(bench, prefect_server, tmp_path / "stage", entries=("uat",)) as made:
        yield made


@pytest.fixture
def uat(stage: Stage, postgres: Postgres) -> Iterator[Refreshed]:
    with refreshed(stage.bench, postgres, name=stage.environment) as made:
        stage.start_worker()
        yield made
        stage.stop_worker()


def deployment(stage: Stage) -> str:
    return f"refresh/{stage.environment}"


def rows(uat: Refreshed) -> list[Refresh]:
    """The newest first."""
    found: list[Refresh] = uat.bench.read(
        lambda store: store.refreshes.history(uat.bench.project, uat.name)
    )
    return found


def open_report(desk: Browser, stage: Stage, run: str, state: str) -> list[str]:
    """From the page of the run to its report; what a person reads there."""
    desk.open(f"/runs/flow-run/{run}")
    desk.sees(state)
    desk.click("Artifacts")
    card = desk.page.locator(
        "a[href*='/artifacts/artifact/']", has_text=f"refresh-{stage.environment}"
    )
    expect(card).to_have_count(1)
    card.click()
    desk.sees("Show raw data")
    return [re.sub(FIGURES, "#", line) for line in lines(desk.article())]


def test_a_refresh_is_asked_for_in_the_form_and_read_in_the_browser(
    stage: Stage, uat: Refreshed, desk: Browser
) -> None:
    found = stage.api.deployment(deployment(stage))
    desk.open(f"/deployments/deployment/{found['id']}")
    desk.sees("At 12:00 AM every day", exact=False)
    desk.press("Run")
    desk.click("Custom run")
    expect(desk.field("requested_by")).to_be_visible()
    for field in desk.page.locator(".schema-form-property").all():
        expect(field.locator(".schema-form-property__description")).not_to_be_empty()
    desk.fill("requested_by", "bob")
    desk.shoot("20-refresh-form", height=1500)
    desk.press("Submit")
    wait_for(lambda: asked_by_bob(stage), "the run to be there")
    (run,) = asked_by_bob(stage)
    state = stage.api.ended(run["id"], 180)["state"]
    assert (state["name"], state["message"]) == (
        "Completed",
        f"{stage.environment} has the data of prod, masked",
    )
    desk.open(f"/runs/flow-run/{run['id']}")
    desk.sees(f"refresh-{stage.environment}")
    desk.sees("Completed")
    desk.shoot("21-refresh-run", height=1700)
    assert [name_of(one) for one in stage.api.task_runs(run["id"])] == STEPS.split()
    said = [log["message"] for log in stage.api.logs(run["id"])]
    assert any(
        re.fullmatch(r"mask: 5 columns of 4 tables, \d as they arrived", one) for one in said
    )
    assert "check_data: constraints, indexes and sequences whole" in said

    (row,) = rows(uat)
    assert (row.state, row.requested_by, row.requested_via, row.flow_run) == (
        RefreshState.REFRESHED,
        "bob",
        "prefect",
        run["id"],
    )
    assert not [word for word in PRIVATE if word in whole(uat, uat.uat)]
    told = open_report(desk, stage, run["id"], "Completed")
    desk.shoot("22-refresh-report", height=1700)
    assert told[:2] == [
        f"✔ Refresh {row.id}: {stage.bench.project} {stage.environment} from prod succeeded",
        "Asked for by: bob, prefect",
    ]
    assert {
        "Masked: 5 columns of 4 tables",
        "Proven: #",
        "Migrated: app.v1",
        "Took no connection for: #",
        f"What it had before: {uat.database}_before_refresh_#",
        "build_keys succeeded # UNIQUE and FOREIGN KEY hold on what is masked",
    } <= set(told)
    refuses_what_is_not_asked_for(stage, uat)


def asked_by_bob(stage: Stage) -> list[dict[str, Any]]:
    runs = stage.api.runs(deployment(stage))
    return [run for run in runs if run["parameters"].get("requested_by") == "bob"]


def name_of(task_run: dict[str, Any]) -> str:
    return re.sub(r"-\w+$", "", str(task_run["name"]))


def refuses_what_is_not_asked_for(stage: Stage, uat: Refreshed) -> None:
    known = f"It has: {stage.environment}, prod"
    for given, message in (
        ({"environment": ""}, f'There is no environment "" in the config.\n{known}'),
        ({"environment": "other"}, f'There is no environment "other" in the config.\n{known}'),
        (
            {"environment": "prod"},
            f"This is the Prefect deployment of {stage.environment}, and prod was asked for.\n"
            "Start the deployment refresh/prod instead.",
        ),
        ({"source": "other"}, f'There is no environment "other" in the config.\n{known}'),
        (
            {"source": stage.environment},
            f"{stage.environment} is not refreshed: it is refreshed from prod, not from "
            f"{stage.environment}.\nLeave --from away, or change "
            f"environments.{stage.environment}.refresh.from",
        ),
    ):
        state = stage.api.ended(stage.api.start(deployment(stage), given))["state"]
        assert (state["name"], state["message"]) == ("Failed", message)
    place = f"/deployments/{stage.api.deployment(deployment(stage))['id']}/create_flow_run"
    for wrong in ({"wait_minutes": -1}, {"requested_by": "x" * 101}, {"environment": None}):
        stage.api.ask("POST", place, {"parameters": wrong}, code=409)
    assert len(rows(uat)) == 1


def test_it_is_refreshed_by_its_schedule_in_its_time_zone(stage: Stage, uat: Refreshed) -> None:
    found = stage.api.deployment(deployment(stage))
    (schedule,) = found["schedules"]
    assert schedule["active"]
    assert (schedule["schedule"]["cron"], schedule["schedule"]["timezone"]) == (
        "0 0 * * *",
        "Europe/Berlin",
    )
    wait_for(lambda: stage.api.runs(deployment(stage)), "Prefect to plan its runs")
    planned = {moment(run) for run in stage.api.runs(deployment(stage))}
    assert {(one.hour, one.minute) for one in planned} == {(0, 0)}

    hour = (datetime.now(BERLIN) + timedelta(minutes=1)).hour  # each minute of it
    place = f"/deployments/{found['id']}/schedules/{schedule['id']}"
    cron = {"cron": f"* {hour} * * *", "timezone": "Europe/Berlin"}
    stage.api.ask("PATCH", place, {"schedule": cron, "active": True})
    wait_for(lambda: begun(stage), "the schedule to start it", 180)
    stage.api.ask("PATCH", place, {"active": False})
    (run,) = begun(stage)
    assert stage.api.ended(run["id"], 180)["state"]["name"] == "Completed"
    (row,) = rows(uat)
    assert (row.state, row.requested_by, row.requested_via, row.flow_run) == (
        RefreshState.REFRESHED,
        "the schedule",
        "schedule",
        run["id"],
    )
    assert moment(run).hour == hour
    assert not uat.has_yesterday()


def moment(run: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(run["expected_start_time"]).astimezone(BERLIN)


def begun(stage: Stage) -> list[dict[str, Any]]:
    runs = stage.api.runs(deployment(stage))
    return [run for run in runs if run["state"]["type"] != "SCHEDULED"]


def test_one_at_a_time_and_a_release_waits_or_is_refused(stage: Stage, uat: Refreshed) -> None:
    gates = PhaseGates(stage.bench.store_url)
    gates.close_at("after mask", stage.environment)
    first = stage.api.start(deployment(stage), {"requested_by": "first"})
    wait_for(gates.waiting, "the first to be held", 120)
    second = stage.api.ended(stage.api.start(deployment(stage), {}))["state"]
    assert (second["name"], second["message"]) == (
        "Cancelled",
        "Deployment concurrency limit reached.",
    )
    bench, name = stage.bench, stage.environment
    refused = bench.fairlead("refresh", name, "--in-process", code=3)
    assert f"{name} is being changed by another run: " in refused.stderr + refused.stdout
    sha = stage.push("v2")
    release = bench.fairlead("release", name, sha, "--in-process", code=3)
    assert f"{name} is being changed by another run: " in release.stderr + release.stdout
    with flow_process(
        bench, "release", environment=name, sha=sha, source="", wait_minutes=3
    ) as waits:
        time.sleep(5)
        assert waits.alive(), waits.output()
        gates.open()
        assert stage.api.ended(first, 120)["state"]["name"] == "Completed"
        assert waits.ended() == 0, waits.output()
    gates.close()
    assert bench.serves() == "v2"
    assert [(row.state, row.flow_run) for row in rows(uat)][-1] == (RefreshState.REFRESHED, first)
    assert [row.state for row in rows(uat)] == [RefreshState.REFUSED, RefreshState.REFRESHED]


def test_what_is_refused_says_what_to_do_where_it_is_read(
    stage: Stage, uat: Refreshed, desk: Browser
) -> None:
    uat.configure(rules={**RULES, "item.note": None})
    run = stage.api.start(deployment(stage), {})
    state = stage.api.ended(run, 120)["state"]
    assert state["name"] == "Failed"
    assert '"item.note" = { fake = "words" }' in state["message"]
    desk.open(f"/runs/flow-run/{run}")
    desk.sees("Failed")
    desk.shoot("23-refresh-run-refused", height=1700)  # a list shows what it has room for only
    told = open_report(desk, stage, run, "Failed")
    desk.shoot("24-refresh-refused", height=1300)
    assert told[0].endswith("from prod was refused, nothing was touched")
    assert '"item.note" = { fake = "words" } # free text, by its name' in told
    assert not [word for word in PRIVATE if word in "\n".join(told)]
