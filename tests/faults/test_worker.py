"""The worker dies, or the server it asks is restarted, while it has a release on its way."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from examples.stand.prefect_server import PrefectServer, client_environment
from examples.stand.prefect_worker import WORKER
from examples.stand.processes import recorded_process
from fairlead.model import StepName
from tests.bench.bench import Bench
from tests.bench.dying import gates, until, watch
from tests.bench.prefect import Stage, staged
from tests.faults.checking import Noted, Row, changes, is_whole
from tests.faults.faults import Prefect

# The server is started once.
pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("faults")]

Happens = Callable[[Stage, Prefect], None]


def worker_is_killed(stage: Stage, _: Prefect) -> None:
    recorded = recorded_process(WORKER, stage.state)
    worker = recorded.find() if recorded else None
    assert worker is not None
    worker.kill()
    until(lambda: recorded is not None and recorded.find() is None, "it is dead")


def server_restarts(_: Stage, prefect: Prefect) -> None:
    prefect.stop()
    prefect.start()


@pytest.fixture
def server(bench: Bench, prefect: Prefect) -> PrefectServer:
    made = prefect.start()
    bench.environ |= client_environment(made, prefect.home)
    return made


@pytest.fixture
def stage(bench: Bench, server: PrefectServer, tmp_path: Path) -> Iterator[Stage]:
    with staged(bench, server, tmp_path / "stage") as made:
        yield made


@pytest.mark.parametrize(
    ("fault", "happens"),
    [
        ("kill of the worker", worker_is_killed),
        ("Prefect server restart, with a worker", server_restarts),
    ],
)
def test_release_of_a_worker(
    stage: Stage, prefect: Prefect, fault: str, happens: Happens, noted: Noted
) -> None:
    bench, name, since = stage.bench, stage.environment, datetime.now(UTC)
    bench.release(stage.push("v1"), name)
    stage.start_worker()
    with watch(bench) as asking, ExitStack() as stack:
        gate = stack.enter_context(gates(bench))
        gate.after(StepName.DEPLOY, name)
        run = stage.api.start(stage.release, {"sha": stage.push("v2")})
        until(gate.waiting, "it is held in the middle")
        happens(stage, prefect)
        gate.open()
        ended = stage.api.ended(run)["state"]["name"]
        began = time.monotonic()
        until(lambda: not bench.read(lambda store: store.leases.live(bench.project)), "free")
        free = time.monotonic() - began
        stage.start_worker()
        following = stage.api.start(stage.release, {"sha": stage.push("v3")})
        states = [ended, stage.api.ended(following)["state"]["name"]]
        asking.end()
    assert states == ["Completed", "Completed"]
    assert changes(asking.answers) == ["v1", "v2", "v3"]
    history = bench.history(name)
    for release in history:
        is_whole(release, bench.steps(release.id), since)
    third, second, _ = history
    assert bench.containers() == [
        f"{bench.project}-{name}-web-{release.id}-1" for release in (second, third)
    ]
    noted([Row(fault, "after deploy", second.state.replace("_", " "), 0, free, "")])
