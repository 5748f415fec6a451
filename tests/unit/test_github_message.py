"""What GitHub is told of a release, request by request."""

import json
from dataclasses import replace
from typing import Any

import pytest

from fairlead.dispatch.events import Ignored, read
from fairlead.github.answers import Deployment
from fairlead.github.calls import TASK, Call
from fairlead.model import Release, ReleaseKind, ReleaseState, StepName
from fairlead.notify.github_message import (
    Place,
    Standing,
    commit_status,
    deployment_of,
    deployment_status,
    inactive,
    new_deployment,
    replaced,
)
from tests.bench.bench import sha_of
from tests.unit.rows import RELEASE

SHA = sha_of("v1")
PLACE = Place(project="shop", environment="dev", sha=SHA, subject="run-1", release=7)
STANDING = Standing(
    place=PLACE,
    release=7,
    kind=ReleaseKind.RELEASE,
    state=ReleaseState.RUNNING,
    environment_url="https://dev.example/",
    log_url="https://prefect.example/runs/flow-run/1",
)


def standing(**over: Any) -> Standing:
    return STANDING.model_copy(update=over)


@pytest.mark.parametrize(("environment", "production"), [("dev", False), ("prod", True)])
def test_a_deployment_merges_nothing_and_can_be_found_again(
    environment: str, production: bool
) -> None:
    assert new_deployment("o/shop", PLACE.model_copy(update={"environment": environment})) == Call(
        "POST",
        "/repos/o/shop/deployments",
        body={
            "ref": SHA,
            "task": "fairlead",
            "auto_merge": False,
            "required_contexts": [],
            "payload": {"fairlead": {"project": "shop", "subject": "run-1", "release": 7}},
            "environment": environment,
            "description": f"shop to {environment}",
            "transient_environment": False,
            "production_environment": production,
        },
    )


def test_a_deployment_is_known_by_what_it_carries() -> None:
    def made(id: int, payload: object) -> Deployment:
        return Deployment(id=id, payload=payload)

    ours = {"fairlead": {"project": "shop", "subject": "run-1", "release": None}}
    other = {"fairlead": {"project": "shop", "subject": "run-2"}}
    assert deployment_of([], PLACE) is None
    assert (
        deployment_of(
            [made(1, None), made(2, "x"), made(3, {"fairlead": 3}), made(4, other)], PLACE
        )
        is None
    )
    assert deployment_of([made(9, ours), made(5, ours), made(4, other)], PLACE) == 5
    approved = {"fairlead": {"project": "shop", "subject": "run-0", "release": 7}}
    assert deployment_of([made(1, approved)], PLACE) == 1
    elsewhere = {"fairlead": {"project": "blog", "subject": "run-1", "release": 7}}
    assert deployment_of([made(1, elsewhere)], PLACE) is None


def test_a_deployment_of_ours_starts_no_release_when_github_tells_us_of_it() -> None:
    body = (
        '{"action": "created", "repository": {"full_name": "o/shop"}, "sender": {"login": "a"}, '
        f'"deployment": {{"id": 1, "environment": "dev", "sha": "{SHA}", "task": "{TASK}"}}}}'
    )
    told = read("deployment", body.encode())
    assert told == Ignored('A deployment with the task "fairlead" starts nothing.')


STATES = [
    (ReleaseState.RUNNING, None, "in_progress", "pending", "Release 7 is running"),
    (ReleaseState.WAITING, None, "queued", "pending", "Release 7 waits for approval"),
    (ReleaseState.SUCCEEDED, None, "success", "success", "Release 7 succeeded"),
    (ReleaseState.UNCHANGED, None, "success", "success",
     "Release 7 changed nothing: it runs there already"),
    (ReleaseState.REFUSED, None, "failure", "failure",
     "Release 7 was refused, nothing was touched"),
    (ReleaseState.FAILED, StepName.MIGRATE, "failure", "failure", "Release 7 failed at migrate"),
    (ReleaseState.ROLLED_BACK, StepName.CHECK_HEALTH, "failure", "failure",
     "Release 7 failed at check_health and was put back"),
    (ReleaseState.ROLLBACK_FAILED, None, "error", "error",
     "Release 7 failed and was not put back: a person has to act"),
]  # fmt: skip


@pytest.mark.parametrize(("state", "step", "deployment", "commit", "words"), STATES)
def test_each_state_of_a_release_is_one_of_githubs(
    state: ReleaseState, step: StepName | None, deployment: str, commit: str, words: str
) -> None:
    at = standing(state=state, step=step)
    assert deployment_status("o/shop", 31, at) == Call(
        "POST",
        "/repos/o/shop/deployments/31/statuses",
        body={
            "state": deployment,
            "description": words,
            "environment": "dev",
            "environment_url": "https://dev.example/",
            "log_url": "https://prefect.example/runs/flow-run/1",
            "auto_inactive": deployment == "success",
        },
    )
    assert commit_status("o/shop", at) == Call(
        "POST",
        f"/repos/o/shop/statuses/{SHA}",
        body={
            "state": commit,
            "context": "fairlead/dev",
            "description": words,
            "target_url": "https://prefect.example/runs/flow-run/1",
        },
    )


def test_no_state_is_left_out() -> None:
    assert [state for state, *_ in STATES] == list(ReleaseState)


def test_what_is_told_survives_the_outbox() -> None:
    whole = standing(state=ReleaseState.SUCCEEDED, replaced=(PLACE,), step=StepName.MIGRATE)
    assert Standing.model_validate(json.loads(json.dumps(whole.model_dump(mode="json")))) == whole


def test_waiting_is_queued_and_what_was_settled_is_no_error_any_more() -> None:
    waiting = standing(waiting=True, release=None)
    assert (waiting.deployment_state, waiting.commit_state) == ("queued", "pending")
    assert waiting.words == "Release waits until it may begin"
    verified = standing(verifying=True)
    assert (verified.deployment_state, verified.words) == ("queued", "Release 7 is being verified")
    left = standing(state=ReleaseState.ROLLBACK_FAILED, settled=True)
    assert (left.deployment_state, left.words) == (
        "failure",
        "Release 7 failed, and has been settled since",
    )


def test_what_was_replaced_is_told_by_what_replaced_it() -> None:
    back = standing(kind=ReleaseKind.ROLLBACK, release=9, state=ReleaseState.SUCCEEDED)
    assert inactive("o/shop", 31, back) == Call(
        "POST",
        "/repos/o/shop/deployments/31/statuses",
        body={
            "state": "inactive",
            "description": "Rollback 9 replaced it",
            "environment": "dev",
            "environment_url": "",
            "log_url": "https://prefect.example/runs/flow-run/1",
            "auto_inactive": False,
        },
    )


def release(
    id: int, state: ReleaseState, *, replaces: int | None = None, origin: int | None = None
) -> Release:
    return replace(RELEASE, id=id, state=state, replaces=replaces, origin=origin or id)


def test_a_good_release_takes_the_place_of_all_that_were_active() -> None:
    history = [
        release(1, ReleaseState.SUCCEEDED),
        release(2, ReleaseState.SUCCEEDED, replaces=1),
        release(3, ReleaseState.FAILED, replaces=2),
        release(4, ReleaseState.UNCHANGED, replaces=2),
    ]
    good = release(5, ReleaseState.SUCCEEDED, replaces=2)
    assert [one.id for one in replaced(good, [good, *reversed(history)])] == [2, 4]
    assert replaced(release(1, ReleaseState.SUCCEEDED), []) == []


def test_after_a_rollback_its_deployment_is_that_of_the_release_gone_back_to() -> None:
    first, second = (
        release(1, ReleaseState.SUCCEEDED),
        release(2, ReleaseState.SUCCEEDED, replaces=1),
    )
    back = release(3, ReleaseState.SUCCEEDED, replaces=2, origin=1)
    assert [one.origin for one in replaced(back, [first, second])] == [2]
    forth = release(4, ReleaseState.SUCCEEDED, replaces=3, origin=2)
    assert [one.origin for one in replaced(forth, [first, second, back])] == [1]
