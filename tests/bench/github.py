"""What GitHub delivers, and a receiver of one test's own that takes it."""

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import tomli_w

from fairlead.config import Config, parse
from fairlead.store import Store
from tests.bench.bench import merged, sha_of

SECRET = "planted-webhook-7f3a91"
REPOSITORY = "Acme/shop"
SHA = sha_of("v1")
FAIRLEAD = [sys.executable, "-m", "fairlead"]


def dispatch_config(**over: Any) -> dict[str, Any]:
    """Three environments, two of which GitHub may start, with `over` merged into it; its API
    is away."""
    environment = {"hosts": ["unix:///var/run/docker.sock"], "domain": "shop.example"}
    whole = {
        "project": "shop",
        "registry": {"host": "registry.example"},
        "services": {"web": {"image": "shop/web", "port": 8000}},
        "environments": {
            "dev": {**environment, "branch": "develop"},
            "uat": {**environment, "branch": "uat"},
            "prod": {**environment, "branch": "main"},
        },
        "github": {"repository": REPOSITORY, "api": "http://127.0.0.1:1"},
        "dispatch": {
            "secrets": ["env:WEBHOOK_SECRET"],
            "repositories": [REPOSITORY],
            "environments": ["dev", "uat"],
        },
    }
    return merged(whole, over)


def parsed(**over: Any) -> Config:
    return parse(dispatch_config(**over), source="fairlead.toml")


# -- what GitHub says --------------------------------------------------------------------------


def release(**over: Any) -> dict[str, Any]:
    """A repository_dispatch."""
    payload = {"environment": "dev", "sha": SHA, "reason": "because"}
    return _event("release", {"branch": "main", "client_payload": payload}, over)


def workflow_run(**over: Any) -> dict[str, Any]:
    run = {
        "id": 289782451,
        "run_attempt": 1,
        "name": "build",
        "event": "push",
        "conclusion": "success",
        "head_branch": "develop",
        "head_sha": SHA,
        "head_repository": {"full_name": REPOSITORY},
    }
    return _event("completed", {"workflow_run": run, "workflow": {"name": "build"}}, over)


def deployment(**over: Any) -> dict[str, Any]:
    made = {
        "id": 145988645,
        "environment": "dev",
        "sha": SHA,
        "task": "deploy",
        "description": None,
        "creator": {"login": "octocat"},
        "payload": {},
    }
    return _event("created", {"deployment": made, "workflow": None, "workflow_run": None}, over)


def _event(action: str, members: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    envelope = {
        "action": action,
        "repository": {"full_name": REPOSITORY, "private": False},
        "sender": {"login": "octocat", "type": "User"},
    }
    return merged({**envelope, **members}, over)


def signature(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def headers(
    body: bytes, event: str = "repository_dispatch", guid: str = "", secret: str = SECRET
) -> dict[str, str]:
    """As GitHub sends them."""
    return {
        "Content-Type": "application/json",
        "User-Agent": "GitHub-Hookshot/1a2b3c4",
        "X-GitHub-Event": event,
        "X-GitHub-Delivery": guid or str(uuid.uuid4()),
        "X-Hub-Signature-256": signature(body, secret),
    }


# -- a receiver --------------------------------------------------------------------------------


@dataclass
class Running:
    """A `fairlead dispatch serve` of this test's own; `said` is what it printed first."""

    process: subprocess.Popen[str]
    said: str
    log: Path
    environ: dict[str, str]
    client: httpx.Client

    @property
    def store_url(self) -> str:
        return self.environ["FAIRLEAD_STORE_URL"]

    @property
    def url(self) -> str:
        return self.said.split()[2].rstrip(".")

    def deliver(
        self, told: Mapping[str, Any], event: str = "repository_dispatch", **how: str
    ) -> httpx.Response:
        body = json.dumps(told).encode()
        return self.client.post(self.url, content=body, headers=headers(body, event, **how))

    def store(self) -> Store:
        opened = Store(self.store_url)
        opened.database.ready()
        return opened

    def memory(self) -> int:
        """Resident bytes."""
        return int(psutil.Process(self.process.pid).memory_info().rss)

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """The exit code, and what it printed last."""
        self.process.send_signal(number)
        said = self.process.communicate(timeout=20)[0]
        return self.process.returncode, said


@contextmanager
def receiving(
    folder: Path,
    store_url: str,
    prefect: str,
    environ: Mapping[str, str] | None = None,
    **over: Any,
) -> Iterator[Running]:
    """The receiver, from the moment it listens until the block ends."""
    file, log = folder / "fairlead.toml", folder / f"receiver-{uuid.uuid4().hex}.log"
    if not file.exists():
        file.write_text(tomli_w.dumps(dispatch_config(**over)))
    whole = {**os.environ, **_environ(file, store_url, prefect), **(environ or {})}
    with log.open("w") as errors:
        process = subprocess.Popen(
            [*FAIRLEAD, "dispatch", "serve", "--port", "0"],
            env=whole,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    assert process.stdout is not None
    said = "".join(process.stdout.readline() for _ in range(7))
    assert said.startswith("Listening at "), log.read_text()
    with httpx.Client(timeout=10, trust_env=False) as client:
        try:
            yield Running(process, said, log, whole, client)
        finally:
            process.kill()
            process.communicate()


def _environ(file: Path, store_url: str, prefect: str) -> dict[str, str]:
    return {
        "FAIRLEAD_CONFIG": str(file),
        "FAIRLEAD_STORE_URL": store_url,
        "PREFECT_API_URL": prefect,
        "WEBHOOK_SECRET": SECRET,
        "PYTHONUNBUFFERED": "1",
    }
