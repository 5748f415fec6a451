"""An environment that takes a commit only once GitHub says that its checks have passed."""

from collections.abc import Iterator

import pytest
from prefect_github import GitHubCredentials

from fairlead.model import Release, ReleaseState, Request, StepName
from fairlead.proving import checks_run
from tests.bench.bench import Bench, sha_of
from tests.bench.dying import opened
from tests.contract.fake_github import TOKEN, FakeGitHub, refused, running_github

Running = tuple[FakeGitHub, str]


@pytest.fixture
def github(bench: Bench) -> Iterator[Running]:
    with running_github() as (fake, api):
        require(bench, api)
        yield fake, api


def require(bench: Bench, api: str, token: str = "env:GITHUB_TOKEN") -> None:
    bench.environ |= {"GITHUB_TOKEN": TOKEN, "NO_PROXY": "127.0.0.1"}
    bench.configure(
        github={"repository": "octocat/shop", "token": token, "api": api, "tell": False},
        environments={"dev": {"require_checks": ["test-backend", "lint"]}},
    )


def refusal(bench: Bench, sha: str) -> str:
    """What the release of `sha` is refused with: before any tag is asked for, and with nothing
    touched."""
    before = bench.containers()
    release = bench.release(sha)
    assert release.state is ReleaseState.REFUSED
    assert [step.name for step in bench.steps(release.id)][-1] is StepName.VERIFY_BUILD
    assert bench.containers() == before
    return release.error or ""


def said(bench: Bench, release: Release) -> list[str]:
    (step,) = (step for step in bench.steps(release.id) if step.name is StepName.VERIFY_BUILD)
    return step.log_tail.splitlines()[:2]


def test_release_comes_once_its_checks_have_passed(bench: Bench, github: Running) -> None:
    fake, _ = github
    sha = bench.push("v1")
    fake.commits.append(sha)
    head = (
        f"dev takes {sha[:7]} of octocat/shop only once its checks have passed "
        "(environments.dev.require_checks):\n"
    )
    wait = "Wait for it, then release again."
    assert refusal(bench, sha) == (
        f"{head}  test-backend has not run for this commit\n"
        f"  lint has not run for this commit\n{wait}"
    )
    fake.report(sha, "lint", "success")
    fake.run_check(sha, "test-backend", None, "in_progress")
    page = "https://github.com/octocat/shop/runs/1002"
    running = f"test-backend is still running (in_progress): {page}"
    assert refusal(bench, sha) == f"{head}  {running}\n{wait}"
    planned = bench.fairlead("release", "dev", sha, "--dry-run", code=3).stderr
    assert running in planned
    fake.run_check(sha, "test-backend", "failure")
    assert refusal(bench, sha) == (
        f"{head}  test-backend did not pass (failure): https://github.com/octocat/shop/runs/1003\n"
        "Mend it and release the new commit, or run the check again at GitHub."
    )
    fake.run_check(sha, "test-backend")
    release = bench.release(sha)
    assert (release.state, release.error) == (ReleaseState.SUCCEEDED, None)
    assert said(bench, release) == [
        "test-backend passed (success): https://github.com/octocat/shop/runs/1004",
        "lint passed (success)",
    ]


def test_going_back_asks_for_no_check(bench: Bench, github: Running) -> None:
    fake, api = github
    bench.configure()
    first, second = bench.release(bench.push("v1")), bench.release(bench.push("v2"))
    require(bench, api)
    fake.lasts = 0
    back = bench.rollback()
    assert (back.state, back.sha) == (ReleaseState.SUCCEEDED, first.sha)
    assert "503 Service Unavailable" in refusal(bench, second.sha)


def test_github_that_cannot_say_refuses_the_release(bench: Bench, github: Running) -> None:
    fake, api = github
    sha = bench.push("v1")
    assert refusal(bench, sha) == (
        "GitHub says 422 Unprocessable Entity for octocat/shop: "
        f"No commit found for SHA: {sha}.\nWas the commit pushed to that repository?"
    )
    fake.scripted = [refused(401, "Bad credentials")]
    assert "Set [github] token to one that GitHub takes" in refusal(bench, sha)
    require(bench, api, "env:NO_SUCH_TOKEN")
    assert "The secret env:NO_SUCH_TOKEN is not there" in refusal(bench, sha)
    require(bench, "http://127.0.0.1:1")
    assert "GitHub at 127.0.0.1:1 refuses the connection" in refusal(bench, sha)


def test_github_that_was_away_for_a_moment_is_asked_again(bench: Bench, github: Running) -> None:
    fake, _ = github
    sha = bench.push("v1")
    fake.commits.append(sha)
    for name in ("test-backend", "lint"):
        fake.run_check(sha, name)
    fake.scripted = [refused(502, "Bad gateway")]
    assert bench.release(sha).state is ReleaseState.SUCCEEDED


def test_the_token_may_be_in_a_credentials_block(bench: Bench, github: Running) -> None:
    fake, api = github
    name = bench.project
    require(bench, api, f"prefect:{name}")
    never = sha_of("never")
    missing = f"The secret prefect:{name} is not there: Prefect has no Secret or GitHubCredentials"
    assert missing in refusal(bench, never)
    with bench.acting():
        GitHubCredentials(token=TOKEN).save(name)
    assert f"No commit found for SHA: {never}" in refusal(bench, never)
    assert fake.asked[-1].headers["Authorization"] == f"token {TOKEN}"


def test_check_tries_the_repository(bench: Bench, github: Running) -> None:
    fake, _ = github
    assert "ok      github: octocat/shop is visible\n" in bench.fairlead("check").stdout
    fake.scripted = [refused(404, "Not Found")]
    assert (
        "FAILED  github: GitHub says 404 Not Found for octocat/shop: Not Found.\n"
        "        Is [github] repository right, and may its token see it? Try: fairlead check\n"
    ) in bench.fairlead("check", code=3).stdout


def test_promotion_by_itself_waits_for_checks_that_run(bench: Bench, github: Running) -> None:
    fake, _ = github
    sha = bench.push("v1")
    fake.commits.append(sha)
    assert may_still_pass(bench, sha)  # none has begun
    fake.report(sha, "lint", "success")
    fake.run_check(sha, "test-backend", None, "in_progress")
    assert may_still_pass(bench, sha)
    fake.run_check(sha, "test-backend", "success")
    assert not may_still_pass(bench, sha)
    fake.run_check(sha, "test-backend", "failure")
    assert not may_still_pass(bench, sha)  # it is refused, once, and told


def may_still_pass(bench: Bench, sha: str) -> bool:
    with opened(bench) as project:
        return checks_run(project, project.config, Request("dev", sha))
