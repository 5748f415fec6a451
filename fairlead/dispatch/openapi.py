"""The receiver in OpenAPI 3.1, published at /openapi.json; the fuzzing in CI is made from it.

https://spec.openapis.org/oas/v3.1.0
"""

from importlib.metadata import version
from typing import Any

from fairlead.dispatch.problems import MEDIA_TYPE

PATH = "/github"

_TEXT = {"type": "string"}
_TEXT_OR_NONE = {"type": ["string", "null"]}
_LOGIN = {"type": "string", "pattern": r"^[A-Za-z0-9_-]{1,90}(\[bot\])?$"}
_REPOSITORY = {"type": "string", "pattern": r"^[A-Za-z0-9._-]{1,100}/[A-Za-z0-9._-]{1,100}$"}
_SHA = {"type": "string", "pattern": "^[0-9a-f]{40}$"}
_SHORT = {"type": "string", "maxLength": 255}
_NUMBER = {"type": "integer", "minimum": 0, "maximum": 2**63 - 1}


def _object(required: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {**required, **others},
        "required": list(required),
    }


def _event(action: str, **members: Any) -> dict[str, Any]:
    envelope = {
        "action": {"const": action},
        "repository": _object({"full_name": _REPOSITORY}),
        "sender": _object({"login": _LOGIN}),
    }
    return _object({**envelope, **members})


_RELEASE = _event(
    "release",
    client_payload=_object({"environment": _SHORT, "sha": _SHA}, reason=_TEXT),
)
_WORKFLOW_RUN = _event(
    "completed",
    workflow_run=_object(
        {
            "id": _NUMBER,
            "event": _SHORT,
            "conclusion": {"enum": ["success", "failure", None]},
            "head_branch": {"type": ["string", "null"], "maxLength": 255},
            "head_sha": _SHA,
        },
        run_attempt=_NUMBER,
        name=_TEXT_OR_NONE,
        head_repository=_object({"full_name": _REPOSITORY}),
    ),
)
_DEPLOYMENT = _event(
    "created",
    deployment=_object(
        {
            "id": _NUMBER,
            "environment": _SHORT,
            "sha": _SHA,
        },
        creator=_object({"login": _LOGIN}),
        task=_SHORT,
        description=_TEXT_OR_NONE,
    ),
)
_KEPT = _object(
    {
        "delivery": {"type": "string", "format": "uuid"},
        "state": {"enum": ["waiting", "started"]},
        "environment": _TEXT,
        "sha": _SHA,
        "run": _TEXT_OR_NONE,
        "address": _TEXT_OR_NONE,
        "problem": _TEXT_OR_NONE,
    }
)
_IGNORED = _object({"state": {"const": "ignored"}, "why": _TEXT})
_PROBLEM = _object(
    {
        "type": {"const": "about:blank"},
        "title": _TEXT,
        "status": {"type": "integer"},
        "detail": _TEXT,
    },
    errors={"type": "array", "items": _TEXT},
)


def _answer(what: str, schema: dict[str, Any], media: str = "application/json") -> dict[str, Any]:
    return {"description": what, "content": {media: {"schema": schema}}}


def _problem(what: str) -> dict[str, Any]:
    return _answer(what, _PROBLEM, MEDIA_TYPE)


def _header(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"name": name, "in": "header", "required": True, "schema": schema}


_DELIVER = {
    "operationId": "deliver",
    "summary": "A delivery of GitHub's webhook.",
    "parameters": [
        _header("X-GitHub-Event", {"type": "string", "pattern": "^[a-z_]{1,100}$"}),
        _header("X-GitHub-Delivery", {"type": "string", "format": "uuid"}),
        _header("X-Hub-Signature-256", {"type": "string", "pattern": "^sha256=[0-9a-f]{64}$"}),
    ],
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"anyOf": [_RELEASE, _WORKFLOW_RUN, _DEPLOYMENT]}}
        },
    },
    "responses": {
        "200": _answer("Nothing new is to be started.", {"anyOf": [_IGNORED, _KEPT]}),
        "202": _answer("It is kept, and started now or as soon as Prefect takes it.", _KEPT),
        "401": _problem("The signature is missing or wrong."),
        "403": _problem("The repository, the environment or the actor is on no list."),
        "408": _problem("The body came too slowly."),
        "413": _problem("The body is too large."),
        "415": _problem("The body is not sent as JSON."),
        "422": _problem(
            "It is signed, and not what GitHub sends; or Prefect refused it; or the branch of its "
            "workflow has not the commit."
        ),
        "429": _problem("Too many at once."),
        "503": _problem("The store is away, or too many bodies come at once."),
    },
}

DOCUMENT: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Fairlead's receiver for GitHub", "version": version("fairlead")},
    "paths": {PATH: {"post": _DELIVER}},
}
