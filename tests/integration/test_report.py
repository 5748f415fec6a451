"""The artifacts that a release leaves in Prefect, however it ends."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from examples.stand.prefect_server import PrefectServer
from fairlead.model import Release, ReleaseState
from tests.bench.bench import Bench, sha_of


def artifacts(server: PrefectServer, release: Release) -> Mapping[str, dict[str, Any]]:
    """Key → artifact of the run that made the release."""
    wanted = {"flow_runs": {"id": {"any_": [release.flow_run]}}}
    answer = httpx.post(f"{server.api_url}/artifacts/filter", json=wanted, trust_env=False)
    return {found["key"]: found for found in answer.raise_for_status().json()}


def headline(server: PrefectServer, release: Release) -> str:
    found: str = artifacts(server, release)["release-dev"]["data"]
    return found.partition("\n")[0]


def test_every_end_of_a_release_is_reported(bench: Bench, prefect_server: PrefectServer) -> None:
    good = bench.release(bench.push("v1"))
    better = bench.release(bench.push("v2"))
    sick = bench.release(bench.push("v3", BEHAVIOUR="sick"))
    failed = bench.release(bench.push("v4", MIGRATE="fail"))
    unbuilt = bench.release(sha_of("never built"))
    same = bench.release(better.sha)
    with bench.store() as store:
        fencing = store.leases.acquire(bench.project, "dev", "somebody else", 60)
        held = bench.release(good.sha)
        store.leases.release(bench.project, "dev", fencing)
    back = bench.rollback()
    told = {
        good: "✔ Release {id}: {what} succeeded",
        better: "✔ Release {id}: {what} succeeded",
        sick: "✖ Release {id}: {what} failed and was put back",
        failed: "✖ Release {id}: {what} failed",
        unbuilt: "✖ Release {id}: {what} was refused. Nothing was touched",
        same: "✔ Release {id}: {what} changed nothing. It runs there already",
        held: "✖ Release {id}: {what} was refused. Nothing was touched",
        back: "✔ Rollback {id}: {what} succeeded",
    }
    for release, words in told.items():
        what = f"{bench.project} {release.sha[:7]} to dev"
        assert headline(prefect_server, release) == f"# {words.format(id=release.id, what=what)}"
    report, migrations, environments = "release-dev", "migrations-dev", "environments"
    assert {release: set(artifacts(prefect_server, release)) for release in told} == {
        good: {report, migrations, environments},
        better: {report, migrations, environments},
        sick: {report, migrations, environments},
        failed: {report, migrations, environments},
        unbuilt: {report, environments},
        same: {report, environments},
        held: {report, environments},
        back: {report, environments},
    }


def test_a_rollback_says_which_commit_it_went_back_to_and_what_stays(
    bench: Bench, prefect_server: PrefectServer
) -> None:
    old, new = bench.release(bench.push("v1")), bench.release(bench.push("v2"))
    back = bench.rollback()
    found = httpx.get(f"{prefect_server.api_url}/flow_runs/{back.flow_run}", trust_env=False).json()
    assert (found["name"], sorted(found["tags"])) == (
        f"rollback-{old.sha[:7]}-to-dev",
        sorted(["dev", old.sha[:7]]),
    )
    told = artifacts(prefect_server, back)["release-dev"]["data"].splitlines()
    assert f"- Ran before: `{new.sha[:7]}`, release {new.id}" in told
    assert [line for line in told if "kept in the database" in line] == [
        "- kept in the database\\: 1 applied\\: app.v2"
    ]


def test_a_release_stands_that_cannot_be_reported(
    bench: Bench, prefect_server: PrefectServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: object) -> None:
        raise httpx.ConnectError("Connection refused")

    monkeypatch.setattr("tasks.report.create_markdown_artifact", away)
    released = bench.release(bench.push("v1"))
    assert (released.state, released.error) == (ReleaseState.SUCCEEDED, None)
    assert bench.serves() == "v1"
    refused = bench.release(sha_of("never built"))
    assert refused.state is ReleaseState.REFUSED
    assert artifacts(prefect_server, released) == artifacts(prefect_server, refused) == {}
    assert bench.read(lambda store: store.leases.live(bench.project)) == []
