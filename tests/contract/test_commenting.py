"""One comment on a pull request, over real HTTP against a GitHub held to its description."""

from collections.abc import Iterator
from typing import Any

import pytest

from fairlead.commenting import comment
from fairlead.config import parse
from fairlead.project import Project
from fairlead.redact import Redactor
from fairlead.secrets import Secrets
from tests.contract.fake_github import DOCUMENT, REPOSITORY, TOKEN, FakeGitHub, running_github

Running = tuple[FakeGitHub, str]


@pytest.fixture
def github(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    with running_github() as running:
        yield running


def open_project(api: str) -> Project:
    config = {
        "project": "shop",
        "github": {"repository": REPOSITORY, "token": "env:TOKEN", "api": api},
        "registry": {"host": "registry.example"},
        "services": {"web": {"image": "web", "port": 8000}},
        "environments": {
            "dev": {"hosts": ["unix:///var/run/docker.sock"], "domain": "dev.example"}
        },
    }
    nothing: Any = None  # no store is asked
    project = Project(parse(config, source="test"), nothing, Secrets({"TOKEN": TOKEN}))
    project.redact = Redactor(["planted-token"])
    return project


def an_answer() -> dict[str, Any]:
    return dict(DOCUMENT["x-answers"]["issues/create-comment"])


def test_one_comment_is_kept_up_to_date(github: Running) -> None:
    fake, api = github
    fake.comments[7] = [{**an_answer(), "id": number, "body": ""} for number in range(1, 131)]
    project = open_project(api)
    first = comment(project, "dev", 7, "### one")
    again = comment(project, "dev", 7, "### two, and the secret planted-token")
    other = comment(project, "uat", 7, "### three")
    assert first == again == f"https://github.com/{REPOSITORY}/pull/7#issuecomment-1001"
    assert other == f"https://github.com/{REPOSITORY}/pull/7#issuecomment-1002"
    assert [one["body"] for one in fake.comments[7][130:]] == [
        "<!-- fairlead preview shop/dev -->\n### two, and the secret ***",
        "<!-- fairlead preview shop/uat -->\n### three",
    ]
    asked = [(one.method, one.path.partition(REPOSITORY)[2]) for one in fake.asked]
    assert asked[3:7] == [
        ("POST", "/issues/7/comments"),
        ("POST", ""),
        ("GET", "/issues/7/comments"),
        ("GET", "/issues/7/comments"),
    ]
    assert asked[7] == ("PATCH", "/issues/comments/1001")


def test_comment_that_quotes_the_marker_is_not_taken_for_ours(github: Running) -> None:
    fake, api = github
    quoted = "see <!-- fairlead preview shop/dev -->"
    fake.comments[7] = [{**an_answer(), "id": 5, "body": quoted}]
    project = open_project(api)
    comment(project, "dev", 7, "### one")
    assert [one["body"] for one in fake.comments[7]] == [
        quoted,
        "<!-- fairlead preview shop/dev -->\n### one",
    ]


def test_comment_that_somebody_else_planted_is_left_alone(github: Running) -> None:
    fake, api = github
    planted = "<!-- fairlead preview shop/dev -->\nnothing pending"
    fake.comments[7] = [
        {**an_answer(), "id": 5, "body": planted},
        {**an_answer(), "id": 6, "body": planted, "user": None},
    ]
    project = open_project(api)
    comment(project, "dev", 7, "### one")
    comment(project, "dev", 7, "### two")
    assert [one["body"] for one in fake.comments[7]] == [
        planted,
        planted,
        "<!-- fairlead preview shop/dev -->\n### two",
    ]
