"""Promotion: the same digests, while they are well where they come from."""

import importlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from examples.stand.prefect_server import PrefectServer
from fairlead.model import Release, ReleaseKind, ReleaseState
from fairlead.promotion import soaked
from fairlead.registry import Registry
from tests.bench.bench import Bench, free_port, sha_of
from tests.bench.dying import opened
from tests.bench.prefect import staged


@pytest.fixture
def uat(bench: Bench) -> int:
    """Its port; it promotes from dev."""
    port = free_port()
    bench.configure(environments={"uat": bench.environment(port, promotes_from="dev")})
    return port


def promote(bench: Bench, version: str, **given: Any) -> Release:
    return bench.release(sha_of(version), "uat", source="dev", **given)


def test_what_runs_in_one_environment_is_brought_to_the_next_by_its_digests(
    bench: Bench, uat: int
) -> None:
    first = bench.release(bench.push("v1"))
    release = promote(bench, "v1")
    assert (release.state, release.error) == (ReleaseState.SUCCEEDED, None)
    assert (release.kind, release.source) == (ReleaseKind.PROMOTION, "dev")
    assert bench.serves(uat) == "v1"
    (here,) = bench.read(lambda store: store.ledger.images(first.id))
    (there,) = bench.read(lambda store: store.ledger.images(release.id))
    assert here.digest == there.digest
    registry = Registry(bench.registry, insecure=True)
    for tag in (f"uat-{first.sha}", "uat-latest"):
        assert registry.resolve(f"{bench.project}/web", tag).digest == here.digest


def refused(bench: Bench, version: str) -> str:
    release = promote(bench, version)
    assert release.state is ReleaseState.REFUSED
    assert bench.containers() == [c for c in bench.containers() if "-dev-" in c]
    why, _, next_step = str(release.error).rpartition("\n")
    assert next_step == "See what runs where: fairlead status"
    return why


def test_what_does_not_run_there_or_is_not_well_is_not_promoted(bench: Bench, uat: int) -> None:
    assert refused(bench, "v1") == ("dev is not promoted to uat: nothing was ever released to dev.")
    bench.release(bench.push("v1"))
    bench.release(bench.push("v2"))
    assert refused(bench, "v1") == (
        f"dev is not promoted to uat: dev runs {sha_of('v2')[:7]}, not {sha_of('v1')[:7]}."
    )
    (running,) = bench.containers(state="running")
    container = bench.engine.containers.get(running)
    # Well enough to run, and not to answer: what it serves is frozen.
    container.exec_run(["sh", "-c", "kill -STOP 1 $(pidof python3)"])
    assert refused(bench, "v2").startswith(
        f"dev is not promoted to uat: dev is not well: http://{bench.project}.localhost/ "
    )
    container.stop(timeout=0)
    assert refused(bench, "v2") == (
        "dev is not promoted to uat: dev does not run it on local any more."
    )


# -- by itself ---------------------------------------------------------------------------------


def soaking(bench: Bench, port: int, seconds: float = 60, **over: Any) -> None:
    uat = bench.environment(port, promotes_from="dev", promote_after=seconds, **over)
    bench.configure(environments={"uat": uat})


def due(bench: Bench, later: timedelta = timedelta()) -> str | None:
    """The commit that would be promoted to uat by itself, so much later than now."""
    with opened(bench) as project:
        found = soaked(project, "uat", datetime.now(UTC) + later)
        return found.sha if found else None


def test_what_has_been_well_for_long_enough_is_promoted_once(bench: Bench, uat: int) -> None:
    soaking(bench, uat)
    minute = timedelta(seconds=61)
    assert due(bench, minute) is None  # nothing runs in dev
    sha = bench.push("v1")
    bench.release(sha)
    assert due(bench) is None  # too early
    assert due(bench, minute) == sha
    now = datetime.now(UTC)
    window = f"{now:%Y-%m-%d} 00:00 - {now + timedelta(days=2):%Y-%m-%d} 00:00"
    soaking(bench, uat, freeze=[window])
    assert due(bench, minute) is None
    soaking(bench, uat)
    (running,) = bench.containers(state="running")
    bench.engine.containers.get(running).stop(timeout=0)
    assert due(bench, minute) is None  # it is not well
    bench.engine.containers.get(running).start()
    assert promote(bench, "v1").state is ReleaseState.SUCCEEDED
    assert due(bench, minute) is None  # it was


def test_schedule_starts_the_release_of_the_next_environment(
    bench: Bench, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    with staged(bench, prefect_server, tmp_path / "stage") as stage:
        uat = bench.environment(bench.port, promotes_from="dev", promote_after=0.1)
        dev = bench.environment(free_port())
        bench.configure(environments={"dev": dev, stage.environment: uat})
        sha = bench.push("v1")
        bench.release(sha)
        stage.start_worker()
        with bench.acting():
            states: list[Any] = [
                importlib.import_module("flows.promote").promote(return_state=True)
                for _ in range(2)
            ]
        assert states[0].message == f"{sha[:7]} from dev to {stage.environment}"
        (run,) = stage.api.runs(stage.release)
        assert stage.api.ended(run["id"])["state"]["name"] == "Completed"
        (release,) = bench.history(stage.environment)
        assert (release.kind, release.source, release.requested_by, release.requested_via) == (
            ReleaseKind.PROMOTION,
            "dev",
            "fairlead",
            "schedule",
        )
        assert bench.serves() == "v1"
