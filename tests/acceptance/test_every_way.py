"""A release is started by a person, by a program, by GitHub and by the clock, and one history tells
by whom and how."""

import getpass
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from examples.stand.prefect_server import PrefectServer, client_environment
from fairlead.model import ReleaseState
from tests.bench.bench import Bench
from tests.bench.browser import Browser, open_form
from tests.bench.github import REPOSITORY, SECRET, headers, receiving, release
from tests.bench.prefect import Stage, staged, wait_for


@pytest.fixture
def stage(bench: Bench, prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Stage]:
    rules = {
        "secrets": ["env:WEBHOOK_SECRET"],
        "repositories": [REPOSITORY],
        "environments": [bench.project],
    }
    with staged(bench, prefect_server, tmp_path / "stage", {"dispatch": rules}) as made:
        made.start_worker()
        yield made


def test_release_is_started_in_every_way_and_the_history_says_by_whom_and_how(
    stage: Stage, desk: Browser, tmp_path: Path
) -> None:
    ways = (in_the_browser, by_prefect_s_command, by_our_command, by_github, by_the_clock)
    for at, way in enumerate(ways):
        sha = stage.push(f"v{at}")
        way(stage, desk, tmp_path, sha)
        wait_for(lambda n=at: len(over(stage)) == n + 1, f"release {at + 1}", 120)  # type: ignore[misc]
    assert [(one[0], one[1], one[2]) for one in over(stage)] == [
        ("bob", "prefect", "in the browser"),
        ("carol", "prefect", "prefect deployment run"),
        (getpass.getuser(), "prefect", "fairlead release"),
        ("octocat", "github", "by curl"),
        ("the schedule", "schedule", "every night"),
    ]
    assert stage.bench.serves() == "v4"


def over(stage: Stage) -> list[tuple[str, str, str]]:
    """By whom, through what and why: the releases that succeeded, the oldest first."""
    return [
        (one.requested_by, one.requested_via, one.reason)
        for one in stage.bench.history(stage.environment)[::-1]
        if one.state is ReleaseState.SUCCEEDED
    ]


def in_the_browser(stage: Stage, desk: Browser, folder: Path, sha: str) -> None:
    open_form(desk, stage.environment)
    desk.fill("sha", sha)
    desk.fill("reason", "in the browser")
    desk.fill("requested_by", "bob")
    desk.press("Submit")


def by_prefect_s_command(stage: Stage, desk: Browser, folder: Path, sha: str) -> None:
    given = {"sha": sha, "reason": "prefect deployment run", "requested_by": "carol"}
    parameters = [f"--param={name}={value}" for name, value in given.items()]
    subprocess.run(
        [sys.executable, "-m", "prefect", "deployment", "run", stage.release, *parameters],
        env=client_environment(stage.server, stage.state),
        check=True,
        capture_output=True,
    )


def by_our_command(stage: Stage, desk: Browser, folder: Path, sha: str) -> None:
    stage.bench.fairlead("release", stage.environment, sha, "--reason", "fairlead release")


def by_github(stage: Stage, desk: Browser, folder: Path, sha: str) -> None:
    """A repository_dispatch, signed and sent by curl."""
    wanted = {"environment": stage.environment, "sha": sha, "reason": "by curl"}
    body = json.dumps(release(client_payload=wanted)).encode()
    (folder / "body.json").write_bytes(body)
    sent = "".join(f"{name}: {value}\n" for name, value in headers(body).items())
    (folder / "headers.txt").write_text(sent)
    config = Path(stage.bench.environ["FAIRLEAD_CONFIG"]).parent
    environ = {**stage.bench.environ, "WEBHOOK_SECRET": SECRET}
    with receiving(config, stage.bench.store_url, stage.server.api_url, environ) as receiver:
        curl = ["curl", "-sS", "--noproxy", "*", "--fail", "-H", f"@{folder / 'headers.txt'}"]
        sending = ["--data-binary", f"@{folder / 'body.json'}", receiver.url]
        subprocess.run([*curl, *sending], check=True, capture_output=True)


def by_the_clock(stage: Stage, desk: Browser, folder: Path, sha: str) -> None:
    """A schedule of the deployment, with the commit in it."""
    place = f"/deployments/{stage.api.deployment(stage.release)['id']}"
    soon = datetime.now(UTC) + timedelta(seconds=5)
    schedule = {
        "schedule": {"interval": 86_400, "anchor_date": soon.isoformat()},
        "active": True,
        "parameters": {"sha": sha, "reason": "every night"},
    }
    stage.api.ask("POST", f"{place}/schedules", [schedule])
    stage.api.ask("POST", f"{place}/schedule", {"min_runs": 1, "max_runs": 1})
