"""A Prefect server on loopback that starts runs as the real one does, and fails when told to.

tests/integration/test_dispatch.py asks the real one for the same.
"""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from tests.contract.loopback import Answer, Asked, serving

JSON = {"Content-Type": "application/json"}
AWAY = Answer(raw=b"")
FIELDS = {"parameters", "idempotency_key", "tags"}


@dataclass
class FakePrefect:
    """`runs` by idempotency key as they were asked for; `away` answers nothing at all; `broken`
    answers instead of everything, `refusal` instead of a run; `asked` collects."""

    deployments: dict[str, str] = field(
        default_factory=lambda: {f"release/{name}": str(uuid.uuid4()) for name in ("dev", "uat")}
    )
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    away: bool = False
    broken: Answer | None = None
    refusal: Answer | None = None
    csrf: str | None = None
    auth: str | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, asked: Asked) -> Answer:
        with self.lock:
            self.asked.append(asked)
            if self.away:
                return AWAY
            return self.broken or self.do(asked)

    def do(self, asked: Asked) -> Answer:
        if self.auth is not None and asked.headers.get("Authorization") != self.auth:
            return said(401, {"exception_message": "Unauthorized"})
        if asked.path == "/api/csrf-token" and self.csrf:
            return said(200, {"token": self.csrf, "client": asked.query["client"][0]})
        if asked.method == "GET":
            name = asked.path.removeprefix("/api/deployments/name/")
            found = self.deployments.get(name)
            return said(200, {"id": found}) if found else said(404, {"detail": "not found"})
        if self.csrf and asked.headers.get("Prefect-Csrf-Token") != self.csrf:
            return said(403, {"detail": "Missing CSRF token."})
        return self.run(asked.path, json.loads(asked.body))

    def run(self, path: str, given: dict[str, Any]) -> Answer:
        place = re.fullmatch(r"/api/deployments/([^/]+)/create_flow_run", path)
        if place is None or place[1] not in self.deployments.values():
            return said(404, {"detail": "Deployment not found"})
        if set(given) - FIELDS:
            return said(422, {"exception_message": "Invalid request received."})
        if self.refusal:
            return self.refusal
        key, new = given["idempotency_key"], given["idempotency_key"] not in self.runs
        self.runs.setdefault(key, given)
        return said(201 if new else 200, {"id": self.ids.setdefault(key, str(uuid.uuid4()))})


def said(status: int, body: Any) -> Answer:
    return Answer(status, JSON, json.dumps(body).encode())


@contextmanager
def running_prefect() -> Iterator[tuple[FakePrefect, str]]:
    """The fake and the address of its API."""
    fake = FakePrefect()
    with serving(fake.answer) as address:
        yield fake, f"http://{address}/api"
