"""The receiver driven by its own OpenAPI document: with what it allows, and what it forbids."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi.checks import negative_data_rejection

from fairlead.dispatch.openapi import DOCUMENT, PATH
from tests.bench.github import REPOSITORY, Running, receiving, signature
from tests.contract.fake_prefect import running_prefect

load_all_checks()
OPERATION = schemathesis.openapi.from_dict(DOCUMENT)[PATH]["POST"]
MEMBERS = {
    "client_payload": "repository_dispatch",
    "workflow_run": "workflow_run",
    "deployment": "deployment",
}


class Signed(requests.auth.AuthBase):
    """As GitHub does it, over whatever bytes are sent."""

    def __call__(self, request: Any) -> Any:
        body = request.body or b""
        raw = body if isinstance(body, bytes) else body.encode()
        request.headers["X-Hub-Signature-256"] = signature(raw)
        return request


@pytest.fixture
def receiver(tmp_path: Path, store_url: str) -> Iterator[Running]:
    with (
        running_prefect() as (_, api),
        receiving(tmp_path, store_url, api, dispatch={"rate": 1_000_000}) as running,
    ):
        yield running


def driven(receiver: Running, mode: GenerationMode, auth: Signed | None, examples: int) -> set[int]:
    """The codes it answered with. A signed body of another action or event is a right one that
    starts nothing, whatever else is in it, so that not all that is odd is refused."""
    base, codes = receiver.url.removesuffix(PATH), set()

    @settings(max_examples=examples, suppress_health_check=list(HealthCheck))
    @given(case=OPERATION.as_strategy(generation_mode=mode))
    def drive(case: Any) -> None:
        if auth is not None:
            aim(case)
        answer = case.call(base_url=base, auth=auth)
        case.validate_response(answer, excluded_checks=[negative_data_rejection] if auth else [])
        codes.add(answer.status_code)

    drive()
    assert "Traceback" not in receiver.log.read_text()
    return codes


def aim(case: Any) -> None:
    """Past the lists, which would refuse nearly all: what is drawn is the rest."""
    body = case.body if isinstance(case.body, dict) else {}
    event = next((event for member, event in MEMBERS.items() if member in body), "deployment")
    case.headers = {**(case.headers or {}), "X-GitHub-Event": event}
    if isinstance(body.get("repository"), dict):
        body["repository"]["full_name"] = REPOSITORY
    for member in ("client_payload", "deployment"):
        if isinstance(body.get(member), dict):
            body[member]["environment"] = "dev"


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_nothing_unsigned_is_looked_at(receiver: Running, mode: GenerationMode) -> None:
    assert driven(receiver, mode, None, 100) <= {401, 415}


def test_what_the_document_allows_is_taken_when_it_is_signed(receiver: Running) -> None:
    assert driven(receiver, GenerationMode.POSITIVE, Signed(), 200) >= {200, 202}


def test_what_the_document_forbids_is_refused_when_it_is_signed(receiver: Running) -> None:
    codes = driven(receiver, GenerationMode.NEGATIVE, Signed(), 200)
    assert 422 in codes
    assert max(codes) < 500
