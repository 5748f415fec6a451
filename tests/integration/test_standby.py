"""Where an environment wants it, what ran before goes on running: going back is a switch."""

from typing import Any

import pytest

from benchmarks.load import Trickle
from fairlead.model import DriftKind, Release, ReleaseState, StepName
from fairlead.watching import look_at
from tests.bench.bench import Bench
from tests.bench.dying import opened, watch


@pytest.fixture
def standby(bench: Bench) -> Bench:
    return configured(bench)


def configured(bench: Bench, **services: Any) -> Bench:
    bench.configure(services=services, environments={"dev": {"standby": True}})
    return bench


def name(bench: Bench, release: Release, service: str = "web") -> str:
    return f"{bench.project}-dev-{service}-{release.id}-1"


def began(bench: Bench, container: str) -> str:
    return str(bench.engine.containers.get(container).attrs["State"]["StartedAt"])


def drifts(bench: Bench) -> list[DriftKind]:
    with opened(bench) as project:
        return [drift.kind for drift in look_at(project, "dev").drifts]


def test_going_back_starts_nothing_and_loses_nothing(standby: Bench) -> None:
    bench = standby
    first, second = bench.release(bench.push("v1")), bench.release(bench.push("v2"))
    assert bench.containers(state="running") == [name(bench, first), name(bench, second)]
    assert (bench.serves(), drifts(bench)) == ("v2", [])
    before = began(bench, name(bench, first))
    with watch(bench) as asking:
        back = bench.rollback()
        assert asking.stop() == ["v2", "v1"]
    assert (back.state, back.requests_lost) == (ReleaseState.SUCCEEDED, 0)
    assert began(bench, name(bench, first)) == before
    # What was gone back from is wrong as likely as not: it is at rest.
    assert bench.containers(state="running") == [name(bench, first)]
    assert (bench.containers(state="exited"), drifts(bench)) == ([name(bench, second)], [])


def test_there_are_never_three_versions(standby: Bench) -> None:
    bench = standby
    first, second = bench.release(bench.push("v1")), bench.release(bench.push("v2"))
    third = bench.release(bench.push("v3"))
    (deploy,) = [one for one in bench.steps(third.id) if one.name is StepName.DEPLOY]
    said = deploy.log_tail.splitlines()
    stopped, healthy = (
        next(at for at, line in enumerate(said) if line.startswith(words))
        for words in (f"local: {name(bench, first)} stopped", f"local: {name(bench, third)} is")
    )
    assert stopped < healthy
    assert bench.containers() == [name(bench, second), name(bench, third)]
    assert bench.containers(state="running") == bench.containers()
    failed = bench.release(bench.push("v4", BEHAVIOUR="exits"))
    assert (failed.state, bench.serves()) == (ReleaseState.ROLLED_BACK, "v3")
    assert bench.containers(state="exited") == [name(bench, second)]
    assert (bench.rollback().sha, bench.serves()) == (second.sha, "v2")


def test_what_stays_open_is_cut_off_as_where_it_is_stopped(bench: Bench) -> None:
    configured(bench, web={"drain": 0.5, "stop_grace": 1})
    first, sha = bench.release(bench.push("v1")), bench.push("v2")
    before = began(bench, name(bench, first))
    address, domain = f"http://127.0.0.1:{bench.port}", f"{bench.project}.localhost"
    with Trickle(address, domain, "GET /slow?seconds=30", pause=60) as requests:
        second = bench.release(sha)
    assert [answer.lost for answer in requests.answers] == [True]
    (retire,) = [one for one in bench.steps(second.id) if one.name is StepName.RETIRE]
    assert retire.log_tail == (
        f"local: {name(bench, first)} goes on running, to go back to; it was restarted, "
        "1 requests were cut off"
    )
    assert retire.detail == f"release {first.id} is kept to go back to, and goes on running"
    assert began(bench, name(bench, first)) != before
    assert bench.rollback().sha == first.sha


def test_what_has_no_port_is_stopped_as_ever(bench: Bench) -> None:
    worker = {"image": f"{bench.project}/web", "command": ["work"], "depends_on": ["web"]}
    configured(bench, worker=worker)
    first, second = bench.release(bench.push("v1")), bench.release(bench.push("v2"))
    assert bench.containers(state="exited") == [name(bench, first, "worker")]
    bench.rollback()
    for release, state in ((first, "running"), (second, "exited")):
        both = [name(bench, release, service) for service in ("web", "worker")]
        assert bench.containers(state=state) == both
