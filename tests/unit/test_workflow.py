"""The workflow of GitHub Actions that people copy asks for what the receiver takes."""

import importlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from fairlead.dispatch.events import Event, read
from tests.bench.github import SHA, release

WORKFLOW = Path(__file__).resolve().parents[2] / "deployments" / "github" / "release.yml"
RECORDING = '#!/bin/sh\nfor word in "$@"; do printf "%s\\0" "$word"; done > "$ASKED"\n'


@pytest.fixture
def workflow() -> dict[str, Any]:
    yaml: Any = importlib.import_module("yaml")  # it comes with Prefect, without types
    found: dict[str, Any] = yaml.safe_load(WORKFLOW.read_text())
    return found


def asked_for(workflow: dict[str, Any], folder: Path, reason: str) -> tuple[list[str], Any]:
    """What the last job asks GitHub's API, through a `gh` that only writes it down."""
    (step,) = workflow["jobs"]["dispatch"]["steps"]
    gh = folder / "gh"
    gh.write_text(RECORDING)
    gh.chmod(0o755)
    environ = {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "ASKED": str(folder / "asked"),
        "GITHUB_REPOSITORY": "Acme/shop",
        "GITHUB_SHA": SHA,
        "REASON": reason,
    }
    subprocess.run(["bash", "-e", "-c", step["run"]], env=environ, check=True)
    words = (folder / "asked").read_text().split("\0")[:-1]
    fields = dict(words[at + 1].split("=", 1) for at, word in enumerate(words) if word == "-f")
    payload = {
        key[1]: value
        for name, value in fields.items()
        if (key := re.fullmatch(r"client_payload\[(\w+)\]", name))
    }
    return words[:2], {"event_type": fields["event_type"], "client_payload": payload}


@pytest.mark.parametrize("reason", ["Sell veal", "a\n\nb $(touch x) `touch x` \"'; touch x"])
def test_it_asks_for_the_release_that_the_receiver_reads(
    workflow: dict[str, Any], tmp_path: Path, reason: str
) -> None:
    command, asked = asked_for(workflow, tmp_path, reason)
    assert command == ["api", "repos/Acme/shop/dispatches"]
    delivered = release(action=asked["event_type"], client_payload=asked["client_payload"])
    event = read("repository_dispatch", json.dumps(delivered).encode())
    assert isinstance(event, Event)
    assert (event.environment, event.sha) == ("dev", SHA)
    assert event.reason == " ".join(reason.split())
    assert sorted(found.name for found in tmp_path.iterdir()) == ["asked", "gh"]


def test_its_jobs_may_do_no_more_than_they_say(workflow: dict[str, Any]) -> None:
    assert workflow["permissions"] == {}
    assert {name: job["permissions"] for name, job in workflow["jobs"].items()} == {
        "test-backend": {"contents": "read"},
        "push": {"contents": "read", "packages": "write"},
        "dispatch": {"contents": "write"},
    }


def test_its_images_are_tagged_and_labelled_as_verify_build_wants_them(
    workflow: dict[str, Any],
) -> None:
    build = workflow["jobs"]["push"]["steps"][-1]["with"]
    assert build["tags"].endswith("/${{ matrix.service }}:dev-${{ github.sha }}")
    assert build["labels"] == "org.opencontainers.image.revision=${{ github.sha }}"


def test_no_text_of_others_is_put_into_a_script(workflow: dict[str, Any]) -> None:
    scripts = [
        step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step
    ]
    assert scripts
    assert not [script for script in scripts if "${{" in script]


def test_preview_of_a_pull_request_is_for_no_fork_and_takes_nothing_of_others_as_code() -> None:
    yaml: Any = importlib.import_module("yaml")
    found: dict[str, Any] = yaml.safe_load((WORKFLOW.parent / "preview.yml").read_text())
    job = found["jobs"]["preview"]
    assert job["if"] == "github.event.pull_request.head.repo.full_name == github.repository"
    assert (found["permissions"], job["permissions"]) == ({}, {"pull-requests": "write"})
    (step,) = job["steps"]
    assert "${{" not in step["run"]
    command = step["run"].partition(" >>")[0]
    assert command == 'fairlead preview dev "$SHA" --github-pr "$NUMBER" --format markdown'
