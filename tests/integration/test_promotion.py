"""Promotion: the same digests, while they are well where they come from."""

from typing import Any

import pytest

from fairlead.model import Release, ReleaseKind, ReleaseState
from fairlead.registry import Registry
from tests.bench.bench import Bench, free_port, sha_of


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
