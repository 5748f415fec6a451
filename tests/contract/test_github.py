"""GitHubClient over real HTTP against a GitHub that is held to the published description."""

import json
import logging
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Thread
from typing import Any

import pytest
from pydantic import SecretStr

from fairlead.errors import GitHubError
from fairlead.github import Apart, Deployment, GitHubClient
from fairlead.github.answers import DeploymentStatus
from fairlead.github.calls import create_commit_status, create_deployment, create_deployment_status
from tests.bench.bench import sha_of
from tests.contract.certificates import Authority
from tests.contract.fake_github import JSON, REPOSITORY, TOKEN, FakeGitHub, refused, running_github
from tests.contract.loopback import Answer, Asked, serving

SHA, NEXT = sha_of("v1"), sha_of("v2")
Running = tuple[FakeGitHub, str]
WAIT = "Wait for it, or mend the way to it, then try: fairlead check"
LOOK = "Look what answers at [github] api, then try: fairlead check"
NAME = "Is [github] repository right, and may its token see it? Try: fairlead check"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def github() -> Iterator[Running]:
    with running_github(commits=[SHA, NEXT]) as running:
        yield running


def client(api: str, **changes: Any) -> GitHubClient:
    settings = {"token": SecretStr(TOKEN), "repository": REPOSITORY, "api": api}
    return GitHubClient(**{**settings, **changes})


def a_deployment(**over: Any) -> Any:
    told = {"description": "Release 7", "payload": {"release": 7}, "production": False}
    return create_deployment(REPOSITORY, SHA, "dev", **{**told, **over})


def test_the_repository_is_visible(github: Running) -> None:
    fake, api = github
    assert client(api).check() == "octocat/shop is visible"
    (asked,) = fake.asked
    assert (asked.method, asked.target) == ("GET", "/repos/octocat/shop")
    assert asked.headers["Authorization"] == f"token {TOKEN}"
    assert asked.headers["Accept"] == "application/vnd.github+json"
    assert asked.headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert asked.headers["User-Agent"].startswith("fairlead/")


def test_a_name_may_be_written_in_other_letters_and_not_be_an_old_one(github: Running) -> None:
    fake, api = github
    assert client(api, repository="Octocat/Shop").check() == "octocat/shop is visible"
    old = {"full_name": "octocat/store"}
    fake.scripted = [Answer(200, JSON, json.dumps(old).encode())]
    with pytest.raises(GitHubError) as caught:
        client(api).check()
    assert str(caught.value) == (
        "The repository octocat/shop is called octocat/store now.\n"
        "Change [github] repository: GitHub forwards the old name only for a time."
    )


def test_checks_are_the_runs_and_the_statuses_of_all_pages(github: Running) -> None:
    fake, api = github
    for number in range(230):
        fake.run_check(SHA, f"test-{number}")
    for number in range(101):
        fake.report(SHA, f"ci/{number}", "success")
    fake.report(SHA, "ci/0", "pending")
    found = client(api).checks(SHA)
    assert len(found) == 331
    assert {check.name for check in found} == {
        *(f"test-{number}" for number in range(230)),
        *(f"ci/{number}" for number in range(101)),
    }
    (changed,) = (check for check in found if check.name == "ci/0")
    assert (changed.status, changed.conclusion) == ("pending", None)
    assert [asked.query["page"] for asked in fake.asked] == [["1"], ["2"], ["3"], ["1"], ["2"]]


def test_pages_that_never_bring_what_they_promise_end(github: Running) -> None:
    fake, api = github
    fake.run_check(SHA, "test")
    page = {"total_count": 1000, "check_runs": fake.checks[SHA]}
    fake.scripted = [Answer(200, JSON, json.dumps(page).encode())] * 10
    with pytest.raises(GitHubError) as caught:
        client(api).checks(SHA)
    assert caught.value.message == (
        "GitHub answered with pages that do not hold what they say, asked for octocat/shop."
    )
    assert len(fake.asked) == 2


def test_commits_are_compared(github: Running) -> None:
    _, api = github
    assert client(api).apart(SHA, NEXT) == Apart(1, 0)
    assert client(api).apart(NEXT, SHA) == Apart(0, 1)
    assert client(api).apart(SHA, SHA) == Apart(0, 0)


def test_a_branch_has_its_commits_and_no_others(github: Running) -> None:
    fake, api = github
    fake.branches = {"develop": NEXT, "release/1.0 ä": SHA}
    ours = client(api)
    assert [ours.has("develop", sha) for sha in (NEXT, SHA)] == [True, True]
    assert [ours.has("release/1.0 ä", sha) for sha in (NEXT, SHA)] == [False, True]
    assert not ours.has("develop", sha_of("nobody's"))
    assert not ours.has("no branch", SHA)
    fake.scripted = [refused(404, "Not Found")] * 2
    with pytest.raises(GitHubError, match="404 Not Found") as caught:
        ours.has("develop", SHA)
    assert (caught.value.status, caught.value.next_step) == (404, NAME)


def test_a_branch_is_asked_for_as_a_branch_and_compared_by_its_commit(github: Running) -> None:
    fake, api = github
    fake.branches = {"develop": NEXT}
    assert client(api).has("develop", SHA)
    assert [asked.target for asked in fake.asked] == [
        "/repos/octocat/shop/git/ref/heads%2Fdevelop",
        f"/repos/octocat/shop/compare/{NEXT}...{SHA}?per_page=1",
    ]


def test_a_commit_says_when_it_was_made(github: Running) -> None:
    _, api = github
    assert client(api).committed_at(SHA) == datetime(2014, 11, 7, 22, 1, 45, tzinfo=UTC)
    with pytest.raises(GitHubError, match="404 Not Found") as caught:
        client(api).committed_at(sha_of("nobody's"))
    assert caught.value.status == 404


@pytest.mark.parametrize("date", [None, 7, "yesterday", "0000-00-00T00:00:00Z", {}])
def test_a_commit_without_a_time_is_told(date: Any) -> None:
    body = json.dumps({"committer": {"date": date}}).encode()
    told = pytest.raises(GitHubError, match="with a commit that is none")
    with serving(lambda _: Answer(200, JSON, body)) as address, told:
        client(f"http://{address}").committed_at(SHA)


def test_a_public_repository_needs_no_token_and_a_branch_may_have_a_slash() -> None:
    asked: list[Asked] = []

    def answering(request: Asked) -> Answer:
        asked.append(request)
        return Answer(200, JSON, b'{"ahead_by": 1, "behind_by": 2}')

    with serving(answering) as address:
        ours = client(f"http://{address}", token=None)
        assert ours.apart("main", "release/1.0 ä") == Apart(1, 2)
    (one,) = asked
    assert one.path == "/repos/octocat/shop/compare/main...release%2F1.0%20%C3%A4"
    assert "authorization" not in {name.lower() for name in one.headers}


def test_a_deployment_is_created_found_and_told_of(github: Running) -> None:
    fake, api = github
    ours = client(api)
    assert ours.deployments(SHA, "dev") == []
    made = ours.create(a_deployment())
    assert ours.deployments(SHA, "dev") == [Deployment(id=made, payload={"release": 7})]
    assert ours.deployments(SHA, "prod") == ours.deployments(NEXT, "dev") == []
    told = create_deployment_status(
        REPOSITORY,
        made,
        "success",
        description="x" * 200,
        environment="dev",
        environment_url="https://dev.example/",
        log_url="https://prefect.example/runs/flow-run/1",
    )
    assert ours.last_status(made) is None
    ours.create(told)
    assert ours.last_status(made) == DeploymentStatus(state="success", description="x" * 139 + "…")
    (status,) = fake.told[made]
    assert (status["state"], status["environment_url"]) == ("success", "https://dev.example/")
    assert status["description"] == "x" * 139 + "…"
    url = "https://prefect.example/"
    context = "fairlead/dev"
    ours.create(
        create_commit_status(
            REPOSITORY, SHA, "pending", context=context, description="", target_url=url
        )
    )
    (kept,) = fake.statuses[SHA]
    assert (kept["state"], kept["context"], kept["target_url"]) == ("pending", context, url)


def test_what_github_has_no_answer_to_yet_is_asked_once(github: Running) -> None:
    fake, api = github
    fake.scripted = [Answer(202, JSON, b"{}")] * 3
    with pytest.raises(GitHubError) as caught:
        client(api).check()
    host = api.removeprefix("http://")
    assert str(caught.value) == (
        f"GitHub at {host} has no answer yet, asked for octocat/shop.\n{WAIT}"
    )
    assert (caught.value.away, caught.value.status, len(fake.asked)) == (True, 202, 1)


def test_what_graphql_says_instead_of_an_account_is_told(github: Running) -> None:
    fake, api = github
    said = {"type": "FORBIDDEN", "message": "Resource not accessible by\nintegration."}
    for answer in ({"data": None, "errors": [said]}, {"errors": [said, {"message": "more"}]}):
        fake.scripted = [Answer(200, JSON, json.dumps(answer).encode())]
        with pytest.raises(GitHubError) as caught:
            client(api).login()
        assert caught.value.message == (
            "GitHub says for octocat/shop: Resource not accessible by integration."
        )
        assert caught.value.next_step.startswith("Give the token this repository with ")
    fake.scripted = [Answer(200, JSON, b'{"errors": "no"}')]
    with pytest.raises(GitHubError, match="with a list of errors that is none"):
        client(api).login()


LIMIT = "Its rate limit ends at "


@pytest.mark.parametrize(
    ("answer", "message", "next_step", "away"),
    [
        (refused(401, "Bad credentials"),
         "GitHub says 401 Unauthorized for octocat/shop: Bad credentials.",
         "Set [github] token to one that GitHub takes, then try: fairlead check", False),
        (refused(403, "Resource not accessible by personal access token",
                 **{"X-Accepted-GitHub-Permissions": "checks=read"}),
         "GitHub says 403 Forbidden for octocat/shop: Resource not accessible by personal access "
         "token.",
         "Give the token what this needs: checks=read; then try: fairlead check", False),
        (refused(403, "Must have push access\nX", **{"X-Accepted-GitHub-Permissions": "<b>"}),
         "GitHub says 403 Forbidden for octocat/shop: Must have push access X.",
         "Give the token this repository with checks: read, commit statuses: write, deployments: "
         "write and contents: read, for comments pull requests: write; then try: fairlead check",
         False),
        (refused(404, "Not Found"),
         "GitHub says 404 Not Found for octocat/shop: Not Found.", NAME, False),
        (refused(307, "Moved", Location="/repositories/1/deployments"),
         "GitHub says 307 Temporary Redirect for octocat/shop: Moved.", NAME, False),
        (refused(409, "Conflict"),
         "GitHub says 409 Conflict for octocat/shop: Conflict.", LOOK, False),
        (refused(422, f"No commit found for SHA: {SHA}"),
         "GitHub says 422 Unprocessable Entity for octocat/shop: No commit found for SHA: "
         f"{SHA}.", "Was the commit pushed to that repository?", False),
        (refused(500, "oh"), "GitHub says 500 Internal Server Error for octocat/shop: oh.",
         WAIT, True),
        (Answer(502, {}, b"<html>"), "GitHub says 502 Bad Gateway for octocat/shop.", WAIT, True),
        (Answer(200, JSON, b"<html>"),
         "GitHub answered with something that is not JSON, asked for octocat/shop.", LOOK, False),
        (Answer(200, JSON, b'{"full_name":'),
         "GitHub answered with something that is not JSON, asked for octocat/shop.", LOOK, False),
        (Answer(200, JSON, b"[" * 100_000),
         "GitHub answered with something that is not JSON, asked for octocat/shop.", LOOK, False),
        (Answer(200, JSON, b"[]"),
         "GitHub answered with a repository that is none (input should be a valid dictionary or "
         "instance of _Repository), asked for octocat/shop.", LOOK, False),
        (Answer(200, JSON, b'{"full_name": 7}'),
         "GitHub answered with a repository that is none (full_name: input should be a valid "
         "string), asked for octocat/shop.", LOOK, False),
        (Answer(200, {**JSON, "X-RateLimit-Remaining": "many", "X-RateLimit-Limit": "x"}, b"{}"),
         "HOST answered as GitHub does not (ValueError), asked for octocat/shop.", LOOK, False),
        (Answer(raw=b""), "GitHub at HOST broke off the connection, asked for octocat/shop.", WAIT,
         True),
        (Answer(raw=b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"),
         "GitHub at HOST broke off the connection, asked for octocat/shop.", WAIT, True),
    ],
)  # fmt: skip
def test_what_goes_wrong_is_told(
    github: Running,
    caplog: pytest.LogCaptureFixture,
    answer: Answer,
    message: str,
    next_step: str,
    away: bool,
) -> None:
    fake, api = github
    fake.scripted = [answer]
    with caplog.at_level(logging.DEBUG), pytest.raises(GitHubError) as caught:
        client(api).check()
    assert caught.value.message == message.replace("HOST", api.removeprefix("http://"))
    assert (caught.value.next_step, caught.value.away) == (next_step, away)
    assert caught.value.wait is None
    assert f"GitHub says {caught.value.status} " in message or caught.value.status is None
    assert len(fake.asked) == 1
    assert TOKEN not in "".join(traceback.format_exception(caught.value)) + caplog.text


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (403, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "in 900 s"}, 900),
        (429, {"X-RateLimit-Remaining": "0"}, 60),
        (403, {"Retry-After": "30"}, 30),
        (429, {"Retry-After": "soon"}, 60),
    ],
)
def test_a_rate_limit_is_told_with_its_end(
    github: Running, status: int, headers: dict[str, str], wait: float
) -> None:
    fake, api = github
    reset = str(int(time.time()) + 900)  # now: a long run of tests is over later than that
    given = {name: value.replace("in 900 s", reset) for name, value in headers.items()}
    fake.scripted = [refused(status, "You have exceeded a secondary rate limit.", **given)]
    started = time.monotonic()
    with pytest.raises(GitHubError) as caught:
        client(api).check()
    assert caught.value.away
    assert caught.value.wait == pytest.approx(wait, abs=60)
    assert caught.value.next_step.startswith("Its rate limit ends at ")
    assert time.monotonic() - started < 20, "it was waited for"


def test_a_rate_limit_without_an_end_is_told_too(github: Running) -> None:
    fake, api = github
    fake.scripted = [refused(403, "You have exceeded a secondary rate limit.")]
    with pytest.raises(GitHubError) as caught:
        client(api).check()
    assert (caught.value.away, caught.value.wait) == (True, 60)


def test_an_old_name_is_followed_on_the_same_server_only(github: Running) -> None:
    fake, api = github
    old = client(api, repository="octocat/old")
    moved = refused(301, "Moved Permanently", Location=f"{api}/repos/octocat/shop")
    fake.scripted = [moved]
    with pytest.raises(GitHubError, match="octocat/old is called octocat/shop now"):
        old.check()
    fake.scripted = [refused(301, "Moved Permanently", Location="https://evil.example/repos/x/y")]
    with pytest.raises(GitHubError, match="answered as GitHub does not"):
        old.check()
    circle = [f"{api}/repos/a/b", f"{api}/repos/octocat/shop"] * 2000
    fake.scripted = [refused(301, "Moved Permanently", Location=place) for place in circle]
    with pytest.raises(GitHubError, match="answered as GitHub does not"):
        old.check()


def test_checks_of_an_old_name_are_whole_or_an_error(github: Running) -> None:
    fake, api = github
    place = f"{api}/repos/octocat/shop/commits/{SHA}"
    runs = refused(301, "Moved Permanently", Location=f"{place}/check-runs")
    statuses = refused(301, "Moved Permanently", Location=f"{place}/status")
    old = client(api, repository="octocat/old")
    for number in range(30):
        fake.run_check(SHA, f"test-{number}")
    fake.scripted_at = {"/repos/octocat/old": [runs, statuses]}
    assert len(old.checks(SHA)) == 30
    fake.run_check(SHA, "one more than the page that is left of the query")
    fake.scripted_at = {"/repos/octocat/old": [runs, runs]}
    with pytest.raises(GitHubError, match="with pages that do not hold what they say"):
        old.checks(SHA)


def test_silence_ends() -> None:
    def silent(_: Asked) -> Answer:
        time.sleep(2)
        return Answer()

    with serving(silent) as address, pytest.raises(GitHubError) as caught:
        client(f"http://{address}", timeout=1).check()
    assert caught.value.message == (
        f"GitHub at {address} did not answer in time, asked for octocat/shop."
    )
    assert caught.value.away


def test_tls_is_checked_against_the_ca_that_is_named(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    def answering(_: Asked) -> Answer:
        return Answer(200, JSON, b'{"full_name": "octocat/shop"}')

    with serving(answering, authority.server_context()) as address:
        with pytest.raises(GitHubError) as caught:
            client(f"https://{address}").check()
        assert str(caught.value) == (
            f"The certificate of {address} is not trusted, asked for octocat/shop.\n"
            "Mend [github] api, or name the CA in REQUESTS_CA_BUNDLE."
        )
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(authority.ca))
        assert client(f"https://{address}").check() == "octocat/shop is visible"


@pytest.mark.parametrize(
    ("said", "message", "next_step", "away"),
    [
        (b"", "GitHub at HOST broke off the TLS, asked for octocat/shop.", WAIT, True),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",
         "HOST does not speak TLS as it should, asked for octocat/shop.", LOOK, False),
    ],
)  # fmt: skip
def test_tls_that_does_not_come_about_is_no_matter_of_trust(
    said: bytes, message: str, next_step: str, away: bool
) -> None:
    def answer() -> None:
        connection, _ = server.accept()
        with connection:
            connection.recv(65_536)
            connection.sendall(said)

    with socket.create_server(("127.0.0.1", 0)) as server:
        host = f"127.0.0.1:{server.getsockname()[1]}"
        answering = Thread(target=answer, daemon=True)
        answering.start()
        with pytest.raises(GitHubError) as caught:
            client(f"https://{host}").check()
        answering.join()
    assert str(caught.value) == f"{message.replace('HOST', host)}\n{next_step}"
    assert caught.value.away is away


def test_nobody_there_is_told() -> None:
    with pytest.raises(GitHubError) as caught:
        client("http://127.0.0.1:1").check()
    assert str(caught.value) == (
        f"GitHub at 127.0.0.1:1 refuses the connection, asked for octocat/shop.\n{WAIT}"
    )


def test_the_password_of_a_netrc_is_not_sent(
    github: Running, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    fake, api = github
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert client(api).check() == "octocat/shop is visible"
    assert fake.asked[0].headers["Authorization"] == f"token {TOKEN}"


def test_a_server_of_ones_own_has_its_api_below_a_path() -> None:
    asked: list[str] = []

    def answering(request: Asked) -> Answer:
        asked.append(request.target)
        return Answer(200, JSON, b'{"full_name": "octocat/shop"}')

    with serving(answering) as address:
        client(f"http://{address}/api/v3/").check()
    assert asked == ["/api/v3/repos/octocat/shop"]


@pytest.mark.parametrize("token", ["", "ghp with spaces", "ghp_1\nX-Evil: 1", "ghp_ü"])
def test_a_token_that_is_none_is_refused_and_not_repeated(token: str) -> None:
    with pytest.raises(GitHubError) as caught:
        client("http://127.0.0.1:1", token=SecretStr(token))
    assert str(caught.value) == (
        "The token of [github] cannot be one.\n"
        "Set [github] token to one that GitHub takes, then try: fairlead check"
    )


def test_importing_the_package_does_not_import_pygithub() -> None:
    program = "import sys, fairlead.project; print('github' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"False\n"


def test_the_fake_knows_a_request_that_github_would_not_take(github: Running) -> None:
    fake, api = github
    ours = client(api)
    body = {**(a_deployment().body or {}), "colour": "red", "auto_merge": "no"}
    wrong = create_deployment_status(REPOSITORY, 1, "shipped", description="", environment="dev")
    with pytest.raises(GitHubError, match="404"):
        ours.create(wrong)
    call = a_deployment()
    ours.create(type(call)(call.method, call.path, body=body))
    assert len(fake.broken) == 3
    assert "'shipped' is not one of" in fake.broken[0]
    assert "'no' is not of type 'boolean'" in fake.broken[1]
    assert fake.broken[2].endswith("the body has no colour")
    fake.broken.clear()
