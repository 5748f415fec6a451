"""Approval: a verified release waits, holding nothing, until somebody lets it go on."""

import getpass
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from examples.stand.prefect_server import PrefectServer
from fairlead.model import Release, ReleaseState, StepName
from tests.bench.bench import Bench
from tests.bench.prefect import Stage, staged, wait_for

ME = getpass.getuser()


def wants_approval(bench: Bench, approval: bool | str = True, **over: Any) -> None:
    bench.configure(environments={"dev": {"approval": approval, **over}})


def asked(bench: Bench, release: int) -> list[tuple[int, str]]:
    """Its steps at asking: the attempt, and what it said."""
    steps = bench.steps(release)
    return [(step.attempt, step.detail) for step in steps if step.name is StepName.APPROVE]


def last(bench: Bench, environment: str = "dev") -> Release:
    return bench.history(environment)[0]


def test_release_waits_holding_nothing_and_goes_on_when_approved(bench: Bench) -> None:
    bench.release(bench.push("v1"))
    wants_approval(bench)
    sha = bench.push("v2")
    told = bench.fairlead("release", "dev", sha, "--in-process", "--reason", "new", code=6)
    assert told.stdout.endswith(
        "Release 2 to dev waits for somebody to approve it.\n"
        "fairlead approve 2 --reason WHY, or: fairlead refuse 2\n"
    )
    assert (last(bench).state, bench.serves()) == (ReleaseState.WAITING, "v1")
    assert bench.read(lambda store: store.leases.live(bench.project)) == []
    assert "release 2 waits for approval: fairlead show 2" in bench.fairlead("status").stdout
    assert [step.name for step in bench.steps(2)] == [
        StepName.PREFLIGHT,
        StepName.VERIFY_BUILD,
        StepName.PLAN_MIGRATIONS,
        StepName.APPROVE,
    ]
    done = bench.fairlead("approve", "2", "--reason", "looks good")
    assert "approved by " + ME in done.stdout
    release = last(bench)
    assert (release.id, release.state, bench.serves()) == (2, ReleaseState.SUCCEEDED, "v2")
    assert (release.requested_by, release.reason) == (ME, "new")
    (_, waits), (attempt, approved) = asked(bench, 2)
    assert waits.startswith("waits for approval, until ")
    assert (attempt, approved) == (2, f"approved by {ME}, command line: looks good")
    verified = [step for step in bench.steps(2) if step.name is StepName.VERIFY_BUILD]
    assert [step.attempt for step in verified] == [1, 2]
    again = bench.fairlead("approve", "2", code=3)
    assert again.stderr == (
        f"error: Release 2 cannot be approved or refused: {ME} has approved it, and it is "
        "succeeded.\nLook: fairlead show 2\n"
    )


def test_refused_release_ends_with_who_and_why(bench: Bench) -> None:
    wants_approval(bench)
    bench.release(bench.push("v1"))
    told = bench.fairlead("refuse", "1", "--reason", "not on a Friday")
    assert told.stdout == "Release 1 is refused. Nothing was touched.\n"
    release = last(bench)
    assert (release.state, release.error) == (
        ReleaseState.REFUSED,
        f"Release 1 to dev was not approved: {ME} refused it: not on a Friday.\n"
        "Nothing was touched. Ask for it again when it may go on.",
    )
    late = bench.fairlead("approve", "1", code=3)
    assert f"{ME} has refused it, and it is refused." in late.stderr


def test_who_asked_cannot_approve_where_somebody_else_has_to(bench: Bench) -> None:
    wants_approval(bench, "other")
    bench.fairlead("release", "dev", bench.push("v1"), "--in-process", code=6)
    told = bench.fairlead("approve", "1", code=3)
    assert told.stderr == (
        f"error: Release 1 cannot be approved or refused: {ME} asked for it, and somebody else has "
        "to approve it.\nLook: fairlead show 1\n"
    )
    bench.fairlead("refuse", "1")  # to take it back is everybody's right
    bench.release(bench.push("v2"))  # asked for by somebody else, in this test
    bench.fairlead("approve", "2")
    assert bench.serves() == "v2"


def test_what_was_approved_is_void_when_something_else_was_released_meanwhile(
    bench: Bench,
) -> None:
    wants_approval(bench)
    bench.release(bench.push("v1"))
    bench.release(bench.push("v2"))
    bench.fairlead("approve", "2")
    told = bench.fairlead("approve", "1", code=3)
    assert "its images" not in told.stdout
    assert last(bench).id == 2
    assert bench.read(lambda store: store.releases.get(1)).error == (
        "What was approved is not what would be done to dev now: another release has ended there "
        "since.\nNothing was touched. Release again, and have that approved."
    )
    assert bench.serves() == "v2"


def test_what_nobody_approves_in_time_is_refused(bench: Bench) -> None:
    wants_approval(bench)
    bench.release(bench.push("v1"))
    bench.release(bench.push("v2"))
    with psycopg.connect(bench.store_url) as connection:
        connection.execute("update fairlead.approval set expires_at = now()")
        connection.execute(
            "update fairlead.approval set decision = 'approved', decided_by = 'a', "
            "decided_via = 'b', decided_at = now() where release = 2"
        )
    late = bench.fairlead("approve", "1", code=3)
    assert "it is refused" in late.stderr
    first, second = bench.history()[::-1]
    assert (first.error or "").startswith("Release 1 to dev was not approved: nobody did in time.")
    assert (second.error or "").startswith(
        "Release 2 to dev was not approved: it was approved, and did not go on in time."
    )


def test_going_back_needs_nobody(bench: Bench) -> None:
    bench.release(bench.push("v1"))
    bench.release(bench.push("v2"))
    wants_approval(bench)
    assert bench.rollback().state is ReleaseState.SUCCEEDED
    assert bench.serves() == "v1"


# -- in Prefect --------------------------------------------------------------------------------


@pytest.fixture
def stage(bench: Bench, prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Stage]:
    with staged(bench, prefect_server, tmp_path / "stage", approval="other") as made:
        made.start_worker()
        yield made


def answer(stage: Stage, run: str, **given: str) -> Any:
    """What the form in the UI sends."""
    return stage.api.ask("POST", f"/flow_runs/{run}/resume", {"run_input": given})


def suspended(stage: Stage, run: str, question: str = "approval-1") -> str:
    """What the form says, once the run is suspended with that question. Prefect suspends it first
    and writes the form then."""

    def asks() -> bool:
        state = stage.api.run(run)["state"]
        details = state["state_details"]
        if state["name"] != "Suspended" or details["pause_key"] != question:
            return False
        found[:] = _inputs(stage, run, details["run_input_keyset"])
        return len(found) == 2

    found: list[str] = []
    wait_for(asks, f"it is suspended and asks {question}")
    return found[0]


def _inputs(stage: Stage, run: str, keyset: Mapping[str, str]) -> Iterator[str]:
    """What is written of the question so far: what it says, and what its form is made of."""
    for part in ("description", "schema"):
        told = stage.api.client.get(f"/flow_runs/{run}/input/{keyset[part]}")
        if told.is_success:
            yield told.text


def test_run_is_suspended_and_answered_in_its_form(stage: Stage) -> None:
    sha = stage.push("v1")
    run = stage.api.start(stage.release, {"sha": sha, "requested_by": "alice"})
    suspended(stage, run)
    waiting = last(stage.bench, stage.environment)
    assert (waiting.state, waiting.flow_run) == (ReleaseState.WAITING, run)
    assert stage.bench.read(lambda store: store.leases.live(stage.bench.project)) == []
    assert answer(stage, run, decision="perhaps", name="bob")["status"] == "REJECT"
    answer(stage, run, decision="approve", name="alice")
    asked_again = suspended(stage, run, "approval-2")
    assert "alice asked for it, and somebody else has to approve it" in asked_again
    answer(stage, run, decision="approve", name="bob", reason="seen")
    assert stage.api.ended(run)["state"]["name"] == "Completed"
    assert stage.bench.serves() == "v1"
    assert asked(stage.bench, waiting.id)[-1] == (2, "approved by bob, prefect: seen")


def test_suspended_run_is_approved_and_refused_from_the_command_line(stage: Stage) -> None:
    runs = []
    for version in ("v1", "v2"):
        sha = stage.push(version)
        runs.append(stage.api.start(stage.release, {"sha": sha, "requested_by": "alice"}))
        suspended(stage, runs[-1])
    stage.bench.fairlead("refuse", "2", "--reason", "not yet")
    ended = stage.api.ended(runs[1])
    assert ended["state"]["type"] == "FAILED"
    assert ended["state"]["message"].startswith(
        f"Release 2 to {stage.environment} was not approved: {ME} refused it."
    )
    done = stage.bench.fairlead("approve", "1", "--reason", "go")
    assert "Release 1: " in done.stdout
    assert stage.api.ended(runs[0])["state"]["name"] == "Completed"
    assert stage.bench.serves() == "v1"
