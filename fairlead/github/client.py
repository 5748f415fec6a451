"""One repository at GitHub, spoken to through PyGithub."""

import re
from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import SecretStr

from fairlead.errors import GitHubError
from fairlead.github import answers, calls
from fairlead.github.answers import (
    Apart,
    BadAnswer,
    Check,
    Comment,
    Deployment,
    DeploymentStatus,
)
from fairlead.github.calls import Call

if TYPE_CHECKING:
    from github.Requester import Requester

    from fairlead.github.connection import Connection

# The oldest that is kept, because servers of GitHub Enterprise know no other:
# https://docs.github.com/en/rest/about-the-rest-api/api-versions
VERSION = "2022-11-28"
_HEADERS = {"Accept": "application/vnd.github+json"}
_TOKEN = re.compile(r"[\x21-\x7e]+")
_MOST_PAGES = 50

Page = tuple[list[Check], int]
_Answer = TypeVar("_Answer")


class GitHubClient:
    """A public one can be read without a `token`. `timeout` is seconds for a connection, and for
    silence.

    PyGithub is imported with the first client: importing Fairlead stays fast. Nothing is retried in
    here: `away` of a GitHubError says that asking again may help. Proxies of the environment are
    used, .netrc is not. Each method raises GitHubError, which never holds the token.
    """

    def __init__(
        self,
        token: SecretStr | None,
        repository: str,
        api: str = "https://api.github.com",
        timeout: int = 10,
    ) -> None:
        self.repository = repository
        self._api = api
        self._requester = _requester(token, api, timeout)
        self._connection = _connection(api, timeout)

    def close(self) -> None:
        self._connection.close()
        self._requester.close()

    def check(self) -> str:
        """The repository is there for this token, under this name."""
        from fairlead.github.errors import moved  # noqa: PLC0415 imported lazily

        name = self._ask(calls.get_repository(self.repository), answers.read_repository)
        if name.lower() != self.repository.lower():
            raise moved(self.repository, name)
        return f"{name} is visible"

    def checks(self, sha: str) -> list[Check]:
        """The latest check runs and commit statuses of a commit, all of them."""
        runs = self._pages(
            lambda page: self._ask(
                calls.list_check_runs(self.repository, sha, page), answers.read_check_runs
            )
        )
        statuses = self._pages(
            lambda page: self._ask(
                calls.list_commit_statuses(self.repository, sha, page),
                answers.read_commit_statuses,
            )
        )
        return [*runs, *statuses]

    def committed_at(self, sha: str) -> datetime:
        """When it was committed, by the clock of whoever did."""
        return self._ask(calls.get_commit(self.repository, sha), answers.read_committed_at)

    def apart(self, base: str, head: str) -> Apart:
        """How far `head` is from `base`, each a SHA or a branch."""
        return self._ask(calls.compare(self.repository, base, head), answers.read_apart)

    def has(self, branch: str, sha: str) -> bool:
        """Whether `sha` is a commit of `branch`, whatever a tag of its name is. That one of them is
        not there is no error."""
        tip = self._found(calls.get_branch(self.repository, branch), answers.read_tip)
        if tip is None or tip == sha:
            return tip == sha
        apart = self._found(calls.compare(self.repository, tip, sha), answers.read_apart)
        return apart is not None and apart.ahead == 0

    def deployments(self, sha: str, environment: str) -> list[Deployment]:
        """Ours of a commit in an environment, the newest hundred."""
        call = calls.list_deployments(self.repository, sha, environment, 1)
        return self._ask(call, answers.read_deployments)

    def last_status(self, deployment: int) -> DeploymentStatus | None:
        call = calls.last_deployment_status(self.repository, deployment)
        return self._ask(call, answers.read_last_status)

    def login(self) -> str:
        """The account whose token this is, as its comments name it."""
        return self._ask(calls.who_am_i(self._requester.graphql_url), answers.read_login)

    def comments(self, issue: int) -> list[Comment]:
        """Of an issue or a pull request, the oldest first."""
        found: list[Comment] = []
        for number in range(1, _MOST_PAGES + 1):
            call = calls.list_comments(self.repository, issue, number)
            page = self._ask(call, answers.read_comments)
            found += page
            if len(page) < calls.PAGE:
                break
        return found

    def comment(self, issue: int, body: str) -> Comment:
        return self._ask(calls.create_comment(self.repository, issue, body), answers.read_comment)

    def update_comment(self, comment: int, body: str) -> Comment:
        call = calls.update_comment(self.repository, comment, body)
        return self._ask(call, answers.read_comment)

    def create(self, call: Call) -> int:
        """The id of the deployment, or of the status, that `call` creates."""
        return self._ask(call, answers.read_created)

    def _pages(self, ask: Callable[[int], Page]) -> list[Check]:
        """GitHub says how many there are. Pages that bring nothing new would have no end."""
        found: dict[int, Check] = {}
        for number in range(1, _MOST_PAGES + 1):
            page, total = ask(number)
            before = len(found)
            found.update((check.id, check) for check in page)
            if len(found) >= total:
                return list(found.values())
            if len(found) == before:
                break
        raise self._told(BadAnswer("with pages that do not hold what they say"))

    def _found(self, call: Call, read: Callable[[object], _Answer]) -> _Answer | None:
        """None where GitHub has no such thing. What it says of a repository that the token does not
        see is the same, and an error."""
        try:
            return self._ask(call, read)
        except GitHubError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
        self.check()
        return None

    def _ask(self, call: Call, read: Callable[[object], _Answer]) -> _Answer:
        from fairlead.github.errors import RAISED, refused  # noqa: PLC0415 imported lazily

        try:
            status, headers, text = self._requester.requestJson(
                call.method,
                call.path,
                dict(call.query),
                dict(_HEADERS),
                call.body,
                self._connection,
            )
            if status >= 300:
                raise refused(status, headers, text, self.repository)
            return read(answers.parse(text))
        except RAISED as exc:
            raise self._told(exc) from exc

    def _told(self, exc: Exception) -> Exception:
        from fairlead.github.errors import translated  # noqa: PLC0415 imported lazily

        return translated(exc, self._api, self.repository)


def _connection(api: str, timeout: int) -> "Connection":
    from fairlead.github.connection import connection  # noqa: PLC0415 imported lazily

    return connection(api, timeout)


def _requester(token: SecretStr | None, api: str, timeout: int) -> "Requester":
    from github import Auth, Github  # noqa: PLC0415 imported lazily

    from fairlead.github.errors import not_a_token  # noqa: PLC0415 imported lazily

    # requests repeats a header that it cannot send in its error.
    if token is not None and not _TOKEN.fullmatch(token.get_secret_value()):
        raise not_a_token()
    options: dict[str, Any] = {
        "base_url": api.rstrip("/"),
        "timeout": timeout,
        "retry": None,
        "seconds_between_requests": None,
        "seconds_between_writes": None,
        "user_agent": f"fairlead/{version('fairlead')}",
        "api_version": VERSION,
    }
    auth = Auth.Token(token.get_secret_value()) if token is not None else None
    return Github(auth=auth, **options).requester
