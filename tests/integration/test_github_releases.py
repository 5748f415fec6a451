"""What GitHub shows of the releases of an environment: deployments, their states, a status of each
commit; and that GitHub never decides how a release ends."""

from collections.abc import Iterator
from typing import Any

import pytest

from fairlead.config import load
from fairlead.model import Release, ReleaseState, StepName, Wish
from tests.bench.bench import Bench, sha_of
from tests.bench.dying import due, flow_process, gates, holding, settled, until
from tests.contract.fake_github import TOKEN, FakeGitHub, running_github

WHOLE = ["queued", "in_progress", "success"]


@pytest.fixture
def github(bench: Bench) -> Iterator[FakeGitHub]:
    commits = [sha_of(version) for version in ("v1", "v2", "v3")]
    with running_github(commits=commits) as (fake, api):
        bench.environ |= {"GITHUB_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1"}
        tell(bench, api=api)
        yield fake


def tell(bench: Bench, environments: Any = None, **over: object) -> None:
    whole = {"repository": "octocat/shop", "token": "env:GITHUB_TOKEN", **over}
    bench.configure(github=whole, environments=environments or {})


def api_of(bench: Bench) -> str:
    github = load(bench.folder / "fairlead.toml", {}).github
    assert github is not None
    return github.api


def shown(fake: FakeGitHub) -> list[tuple[str, list[str]]]:
    """Each deployment's commit and its states, the oldest first."""
    return [(made["sha"], fake.states(made["id"])) for made in reversed(fake.deployments)]


def commit_states(fake: FakeGitHub, sha: str) -> list[str]:
    return [str(status["state"]) for status in reversed(fake.statuses.get(sha, []))]


def said(bench: Bench, release: Release) -> str:
    """What the history says of telling."""
    (step,) = (step for step in bench.steps(release.id) if step.name is StepName.NOTIFY)
    return step.detail


def test_releases_are_deployments_with_their_states_in_order(
    bench: Bench, github: FakeGitHub
) -> None:
    first, second = bench.push("v1"), bench.push("v2")
    release = bench.release(first)
    assert said(bench, release) == "told octocat/shop"
    (made,) = github.deployments
    assert (made["environment"], made["task"], made["payload"]["fairlead"]["release"]) == (
        *("dev", "fairlead", release.id),
    )
    ui = bench.environ["PREFECT_API_URL"].removesuffix("/api")
    for status in github.told[made["id"]]:
        assert status["log_url"] == f"{ui}/runs/flow-run/{release.flow_run}"
        assert status["environment_url"] == f"http://{bench.project}.localhost:{bench.port}/"
    assert [status["description"] for status in github.told[made["id"]]] == [
        "Release 1 is being verified",
        "Release 1 is running",
        "Release 1 succeeded",
    ]
    bench.release(second)
    unchanged = bench.release(second)
    assert unchanged.state is ReleaseState.UNCHANGED
    assert shown(github) == [
        (first, [*WHOLE, "inactive"]),
        (second, [*WHOLE, "inactive"]),
        (second, ["queued", "success"]),
    ]
    assert commit_states(github, first) == ["pending", "pending", "success"]
    assert commit_states(github, second) == ["pending", "pending", "success", "pending", "success"]
    bench.rollback()
    assert shown(github) == [
        (first, [*WHOLE, "inactive", *WHOLE]),
        (second, [*WHOLE, "inactive"]),
        (second, ["queued", "success", "inactive"]),
    ]


def test_releases_that_do_not_come_leave_the_one_before_active(
    bench: Bench, github: FakeGitHub
) -> None:
    good, bug = bench.push("v1"), bench.push("v2", BEHAVIOUR="bug")
    never = sha_of("v3")
    bench.release(good)
    assert bench.release(bug).state is ReleaseState.ROLLED_BACK
    assert bench.release(never).state is ReleaseState.REFUSED
    assert shown(github) == [
        (good, WHOLE),
        (bug, ["queued", "in_progress", "failure"]),
        (never, ["queued", "failure"]),
    ]
    assert github.told[github.deployments[1]["id"]][-1]["description"] == (
        "Release 2 failed at check_health and was put back"
    )


def test_what_github_missed_is_told_in_order_when_it_is_back(
    bench: Bench, github: FakeGitHub
) -> None:
    github.lasts = 0
    first, second = bench.release(bench.push("v1")), bench.release(bench.push("v2"))
    assert (first.state, second.state) == (ReleaseState.SUCCEEDED,) * 2
    assert said(bench, first) == (
        "GitHub says 503 Service Unavailable for octocat/shop: Service unavailable. "
        "It is tried again."
    )
    assert shown(github) == []
    github.lasts = 6  # and away once more, in the middle of the second
    due(bench)
    assert bench.fairlead("notify", "--once").stdout.startswith("1 message sent.\n")
    github.lasts = None
    due(bench)
    assert bench.fairlead("notify", "--once").stdout == "1 message sent.\n"
    assert shown(github) == [(first.sha, ["success", "inactive"]), (second.sha, ["success"])]
    assert commit_states(github, second.sha) == ["success"]


def test_github_that_is_nowhere_or_says_no_never_fails_a_release(
    bench: Bench, github: FakeGitHub
) -> None:
    unpushed = bench.release(bench.push("v4"))
    assert unpushed.state is ReleaseState.SUCCEEDED
    assert said(bench, unpushed) == (
        "not told: GitHub says 422 Unprocessable Entity for octocat/shop: "
        f"No ref found for: {unpushed.sha}."
    )
    tell(bench, repository="octocat/elsewhere", api="http://127.0.0.1:1")
    away = bench.release(bench.push("v1"))
    assert away.state is ReleaseState.SUCCEEDED
    assert said(bench, away) == (
        "GitHub at 127.0.0.1:1 refuses the connection, asked for octocat/elsewhere. "
        "It is tried again."
    )
    tell(bench, repository="octocat/other", token="env:NO_SUCH_TOKEN")
    unknown = bench.release(bench.push("v2"))
    assert unknown.state is ReleaseState.SUCCEEDED
    assert "The secret env:NO_SUCH_TOKEN is not there" in said(bench, unknown)


def test_github_is_not_told_where_nobody_wants_it(bench: Bench, github: FakeGitHub) -> None:
    tell(bench, tell=False)
    release = bench.release(bench.push("v1"))
    assert [step.name for step in bench.steps(release.id)].count(StepName.NOTIFY) == 0
    assert github.asked == []


def test_a_release_that_github_asked_for_is_told_at_the_deployment_that_asked(
    bench: Bench, github: FakeGitHub
) -> None:
    sha = bench.push("v1")
    guid = "72d3162e-cc78-11e3-81ab-4c9367dc0958"
    github.deployments.append(
        {
            "id": 31,
            "sha": sha,
            "environment": "dev",
            "production_environment": False,
            "transient_environment": False,
        }
    )
    wish = Wish(
        guid=guid,
        event="deployment",
        subject="deployment 31",
        repository="Octocat/shop",
        actor="octocat",
        environment="dev",
        sha=sha,
        reason="",
    )
    delivery, _ = bench.read(lambda store: store.deliveries.keep(bench.project, wish))
    bench.run_flow("release", delivery.request, environment="dev", sha=sha)
    assert shown(github) == [(sha, WHOLE)]
    bench.release(bench.push("v2"))
    assert github.states(31) == [*WHOLE, "inactive"]


def test_a_release_that_waits_for_another_is_queued(bench: Bench, github: FakeGitHub) -> None:
    sha = bench.push("v1")
    with holding(bench):
        bench.release(sha, wait_minutes=0.02)
    assert shown(github) == [(sha, ["queued", "failure"])]
    assert commit_states(github, sha) == ["pending", "failure"]


def test_a_release_that_waits_for_approval_is_queued_until_it_goes_on(
    bench: Bench, github: FakeGitHub
) -> None:
    tell(bench, api=api_of(bench), environments={"dev": {"approval": True}})
    sha = bench.push("v1")
    bench.fairlead("release", "dev", sha, "--in-process", code=6)
    assert shown(github) == [(sha, ["queued", "queued"])]
    (made,) = github.deployments
    assert github.told[made["id"]][-1]["description"] == "Release 1 waits for approval"
    bench.fairlead("approve", "1")
    assert shown(github) == [(sha, ["queued", "queued", *WHOLE])]


def test_a_release_whose_process_died_is_told_once_it_is_settled(
    bench: Bench, github: FakeGitHub
) -> None:
    first, sha = bench.release(bench.push("v1")), bench.push("v2")
    with gates(bench) as closed:
        closed.after(StepName.DEPLOY)
        with flow_process(bench, "release", environment="dev", sha=sha) as flow:
            until(closed.waiting, "it has deployed")
            flow.kill()
            closed.drop_waiting()
            closed.forget()
    due(bench)
    assert settled(bench, wait=60) is not None
    assert shown(github) == [
        (first.sha, WHOLE),
        (sha, ["queued", "in_progress", "failure"]),
    ]
    log_urls = {status["log_url"] for status in github.told[github.deployments[0]["id"]]}
    assert len(log_urls) == 1
    assert log_urls != {""}
