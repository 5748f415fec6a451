"""What the answers of GitHub's API mean; pure.

Only what is used is read, and only that has to be as GitHub describes it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

Id = Annotated[int, Field(ge=0)]


class BadAnswer(ValueError):
    """Not what GitHub describes. `str()` completes "GitHub answered …"."""


class SaidNo(ValueError):
    """`str()` is what GitHub says instead of an answer."""


class _Shape(BaseModel):
    """GitHub adds members as it likes."""

    model_config = ConfigDict(frozen=True, strict=True)


class Check(_Shape):
    """A check run, or a commit status made to look like one: `status` is completed or how far it
    came, `conclusion` is None until then. `id` grows with each run of a `kind`."""

    id: Id
    name: str
    status: str
    conclusion: str | None
    html_url: str | None = None
    kind: Literal["check run", "commit status"] = "check run"


class Deployment(_Shape):
    id: Id
    payload: Any = None


class Account(_Shape):
    login: str


class Comment(_Shape):
    """`user` is None where the account is gone."""

    id: Id
    body: str | None = None
    html_url: str
    user: Account | None = None


class _Viewer(_Shape):
    viewer: Account


class _ViewerAnswer(_Shape):
    data: _Viewer


class DeploymentStatus(_Shape):
    state: str
    description: str | None = None


class _Problem(_Shape):
    message: str


class _Problems(_Shape):
    """What GraphQL says, with a status of 200, instead of an answer."""

    errors: Annotated[Sequence[_Problem], Field(min_length=1)]


@dataclass(frozen=True, slots=True)
class Apart:
    """How many commits `head` has that `base` has not, and the other way round."""

    ahead: int
    behind: int


class _Comparison(_Shape):
    ahead_by: int
    behind_by: int


class _Object(_Shape):
    sha: str


class _Reference(_Shape):
    object: _Object


class _Repository(_Shape):
    full_name: str


class _Signature(_Shape):
    date: str


class _Commit(_Shape):
    committer: _Signature


class _CommitStatus(_Shape):
    id: Id
    state: str
    context: str
    target_url: str | None = None


class _CheckRuns(_Shape):
    total_count: int
    check_runs: Sequence[Any]


class _CommitStatuses(_Shape):
    total_count: int
    statuses: Sequence[Any]


_Read = TypeVar("_Read", bound=_Shape)


def parse(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadAnswer("with something that is not JSON") from error


def read_repository(answer: object) -> str:
    """Its name as it is now."""
    return _read(_Repository, answer, "a repository").full_name


def read_check_runs(answer: object) -> tuple[list[Check], int]:
    """One page, and how many there are on all pages."""
    page = _read(_CheckRuns, answer, "a page of check runs")
    return [_read(Check, one, "a check run") for one in page.check_runs], page.total_count


def read_commit_statuses(answer: object) -> tuple[list[Check], int]:
    """One page, and how many there are on all pages."""
    page = _read(_CommitStatuses, answer, "a page of commit statuses")
    found = [_read(_CommitStatus, one, "a commit status") for one in page.statuses]
    return [_as_check(status) for status in found], page.total_count


def read_deployment(answer: object) -> Deployment:
    return _read(Deployment, answer, "a deployment")


def read_deployments(answer: object) -> list[Deployment]:
    if not isinstance(answer, list):
        raise BadAnswer("with no list of deployments")
    return [read_deployment(one) for one in answer]


def read_login(answer: object) -> str:
    """Of GraphQL's answer. Raises SaidNo."""
    if isinstance(answer, Mapping) and answer.get("errors"):
        raise SaidNo(_read(_Problems, answer, "a list of errors").errors[0].message)
    return _read(_ViewerAnswer, answer, "an account").data.viewer.login


def read_comment(answer: object) -> Comment:
    return _read(Comment, answer, "a comment")


def read_comments(answer: object) -> list[Comment]:
    """One page."""
    if not isinstance(answer, list):
        raise BadAnswer("with no list of comments")
    return [read_comment(one) for one in answer]


def read_last_status(answer: object) -> DeploymentStatus | None:
    """Of a list that has the newest first."""
    if not isinstance(answer, list):
        raise BadAnswer("with no list of statuses")
    return _read(DeploymentStatus, answer[0], "a status") if answer else None


def read_created(answer: object) -> int:
    """The id of what was created."""
    ids = answer if isinstance(answer, Mapping) else {}
    created = ids.get("id")
    if not isinstance(created, int):
        raise BadAnswer("with nothing that was created")
    return created


def read_apart(answer: object) -> Apart:
    found = _read(_Comparison, answer, "a comparison")
    return Apart(found.ahead_by, found.behind_by)


def read_tip(answer: object) -> str:
    """The SHA that a branch ends with."""
    return _read(_Reference, answer, "a reference").object.sha


def read_committed_at(answer: object) -> datetime:
    """A time without a zone is in UTC: GitHub gives no other."""
    date = _read(_Commit, answer, "a commit").committer.date
    try:
        found = datetime.fromisoformat(date)
    except ValueError as error:
        raise BadAnswer("with a commit that is none (committer.date: no time)") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _as_check(status: _CommitStatus) -> Check:
    running = status.state == "pending"
    return Check(
        id=status.id,
        name=status.context,
        status="pending" if running else "completed",
        conclusion=None if running else status.state,
        html_url=status.target_url,
        kind="commit status",
    )


def _read(shape: type[_Read], answer: object, what: str) -> _Read:
    try:
        return shape.model_validate(answer)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_input=False, include_context=False)[0]
        path = ".".join(map(str, wrong["loc"]))
        where = f"{path}: " if path else ""
        message = f"{wrong['msg'][0].lower()}{wrong['msg'][1:]}"
        raise BadAnswer(f"with {what} that is none ({where}{message})") from error
