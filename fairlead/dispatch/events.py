"""What GitHub says in a delivery, read from its body.

https://docs.github.com/en/webhooks/webhook-events-and-payloads
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from fairlead.config.kinds import Login, Repository
from fairlead.dispatch.problems import unreadable
from fairlead.model import SHA
from fairlead.plain import one_line

LONGEST_REASON = 500  # characters, as the flow takes them

Text = Annotated[str, StringConstraints(max_length=255)]
Sha = Annotated[str, StringConstraints(pattern=rf"^{SHA.pattern}$")]
Number = Annotated[int, Field(ge=0, lt=2**63, strict=False)]  # 1.0 is an integer in JSON Schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """A release that is asked for. `source` is the repository the commit is in, empty when that
    is gone. A finished workflow has a `branch` instead of an environment, and what `trigger`ed
    it."""

    name: str
    subject: str
    repository: str
    source: str
    actor: str
    sha: str
    reason: str
    environment: str = ""
    branch: str = ""
    workflow: str = ""
    trigger: str = ""


@dataclass(frozen=True, slots=True)
class Ignored:
    """Nothing is to be done, and that is right so."""

    why: str


class _Shape(BaseModel):
    """What we read of it; GitHub adds members as it likes."""

    model_config = ConfigDict(frozen=True, strict=True)


class _Account(_Shape):
    login: Login


class _Repository(_Shape):
    full_name: Repository


class _Envelope(_Shape):
    action: Text
    repository: _Repository
    sender: _Account


class _ClientPayload(_Shape):
    environment: Text
    sha: Sha
    reason: str = ""


class _RepositoryDispatch(_Envelope):
    client_payload: _ClientPayload


class _Run(_Shape):
    id: Number
    run_attempt: Number = 1
    name: str | None = None
    event: Text
    conclusion: Text | None
    head_branch: Text | None
    head_sha: Sha
    head_repository: _Repository | None = None  # None: a fork that is no more


class _WorkflowRun(_Envelope):
    workflow_run: _Run


class _Deployment(_Shape):
    id: Number
    environment: Text
    sha: Sha
    task: Text = "deploy"
    description: str | None = None
    creator: _Account | None = None


class _DeploymentCreated(_Envelope):
    deployment: _Deployment
    workflow_run: Mapping[str, Any] | None = None


def read(name: str, body: bytes) -> Event | Ignored:
    """What the delivery asks for. `body` has to be verified.

    Raises Problem (422), with a line for each member that is not as GitHub has it.
    """
    if name not in _READERS:
        return Ignored(f"The event {name} starts nothing.")
    wanted, reader = _READERS[name]
    action = _parsed(_Envelope, body).action
    if action != wanted:
        return Ignored(f'{name} with the action "{short(action)}" starts nothing.')
    return reader(body)


def _release(body: bytes) -> Event | Ignored:
    """GitHub numbers these no more than it signs their GUID: the same body is the same wish."""
    told = _parsed(_RepositoryDispatch, body)
    return Event(
        name="repository_dispatch",
        subject=f"repository_dispatch {hashlib.sha256(body).hexdigest()}",
        repository=told.repository.full_name,
        source=told.repository.full_name,
        actor=told.sender.login,
        sha=told.client_payload.sha,
        reason=short(told.client_payload.reason),
        environment=told.client_payload.environment,
    )


def _workflow_run(body: bytes) -> Event | Ignored:
    told = _parsed(_WorkflowRun, body)
    run, name = told.workflow_run, short(told.workflow_run.name or "")
    if run.conclusion != "success":
        return Ignored(f"The workflow did not succeed: {short(run.conclusion or 'no conclusion')}.")
    if not run.head_branch:
        return Ignored("The workflow ran for no branch.")
    return Event(
        name="workflow_run",
        subject=f"workflow_run {run.id} {run.run_attempt}",
        repository=told.repository.full_name,
        source=run.head_repository.full_name if run.head_repository else "",
        actor=told.sender.login,
        sha=run.head_sha,
        reason=short(f"workflow {name} succeeded: run {run.id}"),
        branch=run.head_branch,
        workflow=name,
        trigger=run.event,
    )


def _deployment(body: bytes) -> Event | Ignored:
    told = _parsed(_DeploymentCreated, body)
    made = told.deployment
    if told.workflow_run is not None:
        return Ignored("A job of GitHub Actions made this deployment for itself.")
    if made.task != "deploy":
        return Ignored(f'A deployment with the task "{short(made.task)}" starts nothing.')
    return Event(
        name="deployment",
        subject=f"deployment {made.id}",
        repository=told.repository.full_name,
        source=told.repository.full_name,
        actor=(made.creator or told.sender).login,
        sha=made.sha,
        reason=short(made.description or f"deployment {made.id}"),
        environment=made.environment,
    )


_READERS = {
    "repository_dispatch": ("release", _release),
    "workflow_run": ("completed", _workflow_run),
    "deployment": ("created", _deployment),
}
_Told = TypeVar("_Told", bound=_Shape)


def _parsed(shape: type[_Told], body: bytes) -> _Told:
    try:
        return shape.model_validate_json(body)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False, include_context=False)
        if [one["type"] for one in errors] == ["json_invalid"]:
            raise unreadable("The body is not JSON.") from error
        lines = [f"{_path(one['loc'])}: {one['msg'][0].lower()}{one['msg'][1:]}" for one in errors]
        raise unreadable("The body is not what GitHub sends for this event.", lines) from error


def _path(location: tuple[int | str, ...]) -> str:
    return ".".join(map(str, location)) or "body"


def short(text: str) -> str:
    """Of a text of others, one line that may be kept and shown."""
    return one_line(text, LONGEST_REASON)
