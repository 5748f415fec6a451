"""How the old containers make way for the new ones: drained, in order, all replicas, all kinds."""

from functools import partial

from benchmarks.load import Trickle
from fairlead.model import Release, ReleaseState, StepName
from tests.bench.bench import Bench, sha_of
from tests.bench.waiting import until


def step(bench: Bench, release: Release, name: StepName) -> tuple[float, list[str]]:
    """When it began, in seconds since the epoch, and what it said."""
    found = next(one for one in bench.steps(release.id) if one.name is name)
    return found.started_at.timestamp(), found.log_tail.splitlines()


def slow(bench: Bench, seconds: float, pause: float) -> Trickle:
    address, domain = f"http://127.0.0.1:{bench.port}", f"{bench.project}.localhost"
    return Trickle(address, domain, f"GET /slow?seconds={seconds:g}", pause=pause)


def test_request_under_way_on_the_old_container_ends_well_while_it_is_retired(bench: Bench) -> None:
    bench.release(bench.push("v1"))
    second = bench.push("v2")
    with slow(bench, 3, pause=0.4) as requests:
        release = bench.release(second)
    assert {answer.status for answer in requests.answers} == {200}
    began, said = step(bench, release, StepName.RETIRE)
    assert said == [f"local: {bench.project}-dev-web-1-1 stopped"]
    last_of_old = max(answer.ended for answer in requests.answers if answer.text == "v1")
    assert last_of_old > began, "no request was under way on the old container"


def test_request_longer_than_drain_and_grace_is_cut_off_and_said_so(bench: Bench) -> None:
    bench.configure(services={"web": {"drain": 0.5, "stop_grace": 1}})
    bench.release(bench.push("v1"))
    second = bench.push("v2")
    with slow(bench, 30, pause=60) as requests:
        release = bench.release(second)
    assert release.state is ReleaseState.SUCCEEDED
    assert [answer.lost for answer in requests.answers] == [True]
    _, said = step(bench, release, StepName.RETIRE)
    assert said == [f"local: {bench.project}-dev-web-1-1 stopped, 1 requests were cut off"]


def test_every_replica_and_worker_is_replaced_with_its_files_and_volumes(bench: Bench) -> None:
    settings = "environment=${FAIRLEAD_ENVIRONMENT} sha=${FAIRLEAD_SHA} greeting=${GREETING}\n"
    bench.configure(
        services={
            "web": {
                "replicas": 2,
                "env": {"GREETING": "hello"},
                "files": [{"path": "/etc/app.conf", "content": settings}],
                "volumes": ["data:/data"],
            },
            "worker": {
                "image": f"{bench.project}/web",
                "command": ["work"],
                "depends_on": ["web"],
                "stop_grace": 5,
                "health": {"interval": 0.1},
            },
        }
    )
    first = bench.release(bench.push("v1"))
    dev = f"{bench.project}-dev"
    running = bench.engine.containers.get(f"{dev}-web-{first.id}-1")
    assert running.exec_run(["sh", "-c", "echo kept > /data/kept"]).exit_code == 0

    second = bench.release(bench.push("v2"))

    names = ("web-{}-1", "web-{}-2", "worker-{}-1")
    assert bench.containers(state="running") == [f"{dev}-{n.format(second.id)}" for n in names]
    assert bench.containers(state="exited") == [f"{dev}-{n.format(first.id)}" for n in names]
    for replica in (f"web-{second.id}-1", f"web-{second.id}-2"):
        until(partial(answers, bench, replica))
    assert file(bench, "/etc/app.conf") == f"environment=dev sha={sha_of('v2')} greeting=hello"
    assert file(bench, "/data/kept") == "kept"

    _, said = step(bench, second, StepName.DEPLOY)
    order = [line.partition(" is healthy")[0].removeprefix("local: ") for line in said[1:]]
    assert sorted(order[:2]) == [f"{dev}-web-{second.id}-1", f"{dev}-web-{second.id}-2"]
    assert order[2:] == [
        f"{dev}-worker-{second.id}-1",
        f"the proxy sends requests to release {second.id}",
        f"{dev}-worker-{first.id}-1 stopped",
    ]


def answers(bench: Bench, replica: str) -> bool:
    return file(bench, "/etc/hostname") == replica


def file(bench: Bench, path: str) -> str:
    """A file as the container that answers has it."""
    return bench.get(f"/file?path={path}").text.strip()
