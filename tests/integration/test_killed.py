"""kill -9 of the flow's process at each step: what is left is settled, and nothing is lost.

All flows of a group run at once, each in an environment of its own that is named for the place
where it dies: starting ten processes and waiting for ten leases takes as long as it has to once.
"""

import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import psutil
import pytest

from fairlead.model import Release, ReleaseState, Request, StepName, StepOutcome
from fairlead.registry import Registry
from tests.bench.bench import Bench, free_port, sha_of
from tests.bench.dying import (
    PATIENCE,
    FlowProcess,
    Gates,
    flow_process,
    gates,
    opened,
    settled,
    until,
    watch,
)

KEPT = "The database keeps what was migrated."


@dataclass(frozen=True)
class Death:
    """`step` is the one in which the flow dies: after its act and before its outcome is known, or,
    `early`, before its intent is. `of` is the behaviour of the version that dies, and `left` what
    is said of it afterwards."""

    environment: str
    step: StepName
    left: str
    early: bool = False
    of: str = "good"

    @property
    def state(self) -> ReleaseState:
        if self.left.startswith(("it was proven", "it was recorded")):
            return ReleaseState.SUCCEEDED
        if "no container was changed" in self.left:
            return ReleaseState.FAILED
        return ReleaseState.ROLLED_BACK

    @property
    def error(self) -> str | None:
        return None if self.state is ReleaseState.SUCCEEDED else self.left


def deaths(after_deploy: str) -> list[Death]:
    """Every place to die at. `after_deploy` is what settling says of what was deployed."""

    def said(step: StepName, what: str) -> str:
        return f"The process that made it died during {step}; {what}. {KEPT}"

    untouched = "no container was changed"
    proven = "it was proven and running; recorded as succeeded"
    recorded = "it was recorded; its tags were moved and what ran before was put to rest"
    return [
        *(
            Death(f"at-{step.replace('_', '-')}", step, said(step, untouched))
            for step in (
                StepName.PREFLIGHT,
                StepName.VERIFY_BUILD,
                StepName.PLAN_MIGRATIONS,
                StepName.PULL_IMAGES,
                StepName.MIGRATE,
            )
        ),
        *(
            Death(f"at-{step.replace('_', '-')}", step, said(step, after_deploy))
            for step in (StepName.DEPLOY, StepName.CHECK_HEALTH)
        ),
        Death(
            "at-roll-back",
            StepName.ROLL_BACK,
            said(StepName.ROLL_BACK, after_deploy),
            of="exits",
        ),
        Death("before-record", StepName.RECORD, proven, early=True),
        *(
            Death(f"at-{step.replace('_', '-')}", step, recorded)
            for step in (StepName.RECORD, StepName.MOVE_TAGS, StepName.RETIRE)
        ),
    ]


def configure(bench: Bench, group: list[Death]) -> dict[str, int]:
    """An environment for each death; their ports."""
    ports = {death.environment: free_port() for death in group}
    environments = {name: bench.environment(port) for name, port in ports.items()}
    crowd = {"health": {"timeout": PATIENCE}}  # so many start at once, on whatever machine
    bench.configure(services={"web": crowd}, environments={"dev": None, **environments})
    return ports


def push(bench: Bench, version: str, group: list[Death], *, dying: bool = False) -> dict[str, str]:
    """The version for every environment; the SHA for each."""
    return {
        death.environment: bench.push(
            f"{version}-{death.of}" if dying else version,
            environment=death.environment,
            BEHAVIOUR=death.of if dying else "good",
        )
        for death in group
    }


@contextmanager
def flows(bench: Bench, shas: Mapping[str, str]) -> Iterator[dict[str, FlowProcess]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(flow_process(bench, "release", environment=name, sha=sha))
            for name, sha in shas.items()
        }


def die(
    bench: Bench, closed: Gates, group: list[Death], shas: Mapping[str, str]
) -> dict[str, Release]:
    """Run each flow to the place where it has to die, kill them, and wait for their leases."""
    for death in group:
        (closed.before if death.early else closed.after)(death.step, death.environment)
    with flows(bench, shas) as running:
        until(lambda: there(closed, running), "all wait where they have to die")
        for flow in running.values():
            flow.kill()
        closed.drop_waiting()
        closed.forget()
        until(
            lambda: not bench.read(lambda store: store.leases.live(bench.project)),
            "the leases are free by themselves",
            seconds=60,
        )
        return {name: flow.release() for name, flow in running.items()}


def there(closed: Gates, running: Mapping[str, FlowProcess]) -> bool:
    for name, flow in running.items():
        assert flow.alive(), f"{name} has ended by itself:\n{flow.output()}"
    return len(closed.waiting()) == len(running)


def release_all(bench: Bench, shas: Mapping[str, str]) -> None:
    """All at once, and each has to succeed."""
    with flows(bench, shas) as running:
        for flow in running.values():
            flow.ended()
        releases = {name: flow.release() for name, flow in running.items()}
        for name, release in releases.items():
            assert release.state is ReleaseState.SUCCEEDED, f"{name}: {release.error}"


def left_on_the_engine(bench: Bench, environment: str) -> list[str]:
    """Every container and network of the environment."""
    labels = [f"fairlead.project={bench.project}", f"fairlead.environment={environment}"]
    containers = bench.engine.containers.list(
        all=True, filters={"label": labels}, ignore_removed=True
    )
    networks = bench.engine.networks.list(filters={"label": labels})
    names = [*(found.name for found in containers), *(found.name for found in networks)]
    return sorted(str(name) for name in names)


def always_there(prefix: str) -> list[str]:
    """Of an environment in which something runs: the network, and what stands before it."""
    return [prefix, f"{prefix}-proxy", f"{prefix}-router"]


def test_first_release_that_is_killed_is_settled_wherever_it_died(bench: Bench) -> None:
    group = deaths("nothing had run before it, nothing runs")
    configure(bench, group)
    with gates(bench) as closed:
        dead = die(bench, closed, group, push(bench, "v1", group, dying=True))
    for death in group:
        name, release = death.environment, dead[death.environment]
        said = f"Release {release.id} ({release.sha[:7]}): {death.left}"
        assert settled(bench, name) == said, name
        assert settled(bench, name) is None, name
        (after,) = bench.history(name)
        assert (after.state, after.error) == (death.state, death.error), name
        prefix = f"{bench.project}-{name}"
        served = [*always_there(prefix), f"{prefix}-web-{release.id}-1"]
        recorded = death.state is ReleaseState.SUCCEEDED
        assert left_on_the_engine(bench, name) == (served if recorded else []), name
        tags = Registry(bench.registry, insecure=True).tags(f"{bench.project}/web")
        assert (f"{name}-latest" in tags) is recorded, name


@pytest.mark.parametrize("late", [False, True], ids=["up to deploy", "from its check on"])
def test_killed_release_leaves_a_complete_version_and_the_next_one_settles_it(
    bench: Bench, late: bool
) -> None:
    whole = deaths(f"{sha_of('v1')[:7]} serves")
    group = whole[5:] if late else whole[:5]
    ports = configure(bench, group)
    release_all(bench, push(bench, "v1", group))
    with ExitStack() as stack:
        asking = {name: stack.enter_context(watch(bench, port)) for name, port in ports.items()}
        with gates(bench) as closed:
            die(bench, closed, group, push(bench, "v2", group, dying=True))
        release_all(bench, push(bench, "v3", group))
        for death in group:
            assert asking[death.environment].stop() == served_through(death), death.environment
    for death in group:
        name = death.environment
        third, second, first = bench.history(name)
        assert (second.state, second.error) == (death.state, death.error), name
        recorded = second if death.state is ReleaseState.SUCCEEDED else first
        assert third.replaces == recorded.id, name
        prefix = f"{bench.project}-{name}"
        kept = [f"{prefix}-web-{origin.id}-1" for origin in (recorded, third)]
        expected = sorted([*always_there(prefix), *kept])
        assert left_on_the_engine(bench, name) == expected, name


def served_through(death: Death) -> list[str]:
    """The versions that answer, in their order: v1, the one that dies where it came so far, the
    one before it where it was put back, v3."""
    if death.state is ReleaseState.FAILED or death.step is StepName.ROLL_BACK:
        return ["v1", "v3"]
    put_back = death.state is ReleaseState.ROLLED_BACK
    return ["v1", "v2-good", *(["v1"] if put_back else []), "v3"]


def test_job_of_a_migration_whose_flow_was_killed_is_ended(bench: Bench) -> None:
    sha = bench.push("v1", MIGRATE="hang")
    with flow_process(bench, "release", environment="dev", sha=sha) as flow:
        until(lambda: bench.containers("job", "running"), "the migration runs")
        flow.kill()
        (job,) = bench.containers("job", "running")
        words = (
            "The process that made it died during migrate; no container was changed, a job was "
            f"ended: {job}. {KEPT}"
        )
        assert settled(bench, wait=60) == f"Release 1 ({sha[:7]}): {words}"
    assert left_on_the_engine(bench, "dev") == []
    (release,) = bench.history()
    assert (release.state, release.error) == (ReleaseState.FAILED, words)


def test_killed_between_start_and_switch_the_new_containers_are_taken_away(bench: Bench) -> None:
    first = bench.release(bench.push("v1"))
    sha = bench.push("v2", BEHAVIOUR="sick")
    with watch(bench) as asking, flow_process(bench, "release", environment="dev", sha=sha) as flow:
        until(lambda: len(bench.containers(state="running")) == 2, "the new one was started")
        flow.kill()
        second = flow.release()
        words = f"The process that made it died during deploy; {first.sha[:7]} serves. {KEPT}"
        assert settled(bench, wait=60) == f"Release {second.id} ({sha[:7]}): {words}"
        assert asking.stop() == ["v1"]
    assert bench.containers() == [f"{bench.project}-dev-web-{first.id}-1"]
    assert bench.history()[0].state is ReleaseState.ROLLED_BACK


def test_killed_rollback_is_settled_and_can_be_made_again(bench: Bench) -> None:
    bench.release(bench.push("v1"))
    second = bench.release(bench.push("v2"))
    with gates(bench) as closed, watch(bench) as asking:
        closed.after(StepName.DEPLOY, "dev")
        with flow_process(bench, "rollback", environment="dev") as flow:
            until(closed.waiting, "the old containers serve again")
            flow.kill()
            closed.drop_waiting()
            closed.forget()
            words = f"The process that made it died during deploy; {second.sha[:7]} serves. {KEPT}"
            dead = flow.release()
            assert settled(bench, wait=60) == f"Release {dead.id} ({dead.sha[:7]}): {words}"
            assert bench.serves() == "v2"
        assert bench.rollback().state is ReleaseState.SUCCEEDED
        assert asking.stop() == ["v2", "v1", "v2", "v1"]


def test_command_whose_flow_was_killed_says_so_and_settle_mends_it(bench: Bench) -> None:
    sha = bench.push("v1")
    with gates(bench) as closed, command(bench, "release", "dev", sha, "--in-process") as running:
        closed.after(StepName.DEPLOY)
        until(closed.waiting, "it has deployed")
        (flow,) = psutil.Process(running.pid).children()
        assert flow.cmdline()[-3:] == ["-m", "flows", "release"]
        flow.kill()
        closed.drop_waiting()
        assert running.wait(PATIENCE) == 5
        assert said_by(running).splitlines()[-2:] == [
            f"Release 1: {sha[:7]} to dev: its process died, and what it left is not put back.",
            "Once its lease is free: fairlead settle dev",
        ]
    until(lambda: not bench.read(lambda store: store.leases.live(bench.project)), "free", 60)
    words = (
        "The process that made it died during deploy; nothing had run before it, nothing runs. "
        f"{KEPT}"
    )
    said = [bench.fairlead("settle", "dev").stdout for _ in range(2)]
    assert said == [
        f"Release 1 ({sha[:7]}): {words}\n",
        "dev: nothing was left unfinished.\n",
    ]
    assert left_on_the_engine(bench, "dev") == []


def test_interrupted_command_has_its_release_put_back(bench: Bench) -> None:
    first = bench.release(bench.push("v1"))
    sha = bench.push("v2", BEHAVIOUR="sick")
    with command(bench, "release", "dev", sha, "--in-process") as running:
        until(lambda: len(bench.containers(state="running")) == 2, "the new one was started")
        running.send_signal(signal.SIGINT)
        assert running.wait(PATIENCE) == 4
        said = said_by(running)
    assert "Interrupted: the release is being put back." in said
    assert bench.history()[0].state is ReleaseState.ROLLED_BACK
    assert bench.containers() == [f"{bench.project}-dev-web-{first.id}-1"]
    assert bench.serves() == "v1"


def test_flow_that_is_told_to_end_puts_back_by_itself(bench: Bench) -> None:
    first = bench.release(bench.push("v1"))
    sha = bench.push("v2", BEHAVIOUR="sick")
    with flow_process(bench, "release", environment="dev", sha=sha) as flow:
        until(lambda: len(bench.containers(state="running")) == 2, "the new one was started")
        flow.send(signal.SIGTERM)
        assert flow.ended() != 0
        second = flow.release()
    outcomes = {step.name: (step.outcome, step.detail) for step in bench.steps(second.id)}
    assert outcomes[StepName.DEPLOY][0] is StepOutcome.FAILED
    assert outcomes[StepName.ROLL_BACK] == (
        StepOutcome.SUCCEEDED,
        f"{first.sha[:7]} serves again; the database keeps app.v2, and the old code answered its "
        "health checks on them",
    )
    assert (second.state, second.error) == (
        ReleaseState.ROLLED_BACK,
        "It was stopped from outside (TerminationSignal).",
    )
    assert bench.containers() == [f"{bench.project}-dev-web-{first.id}-1"]
    assert bench.read(lambda store: store.leases.live(bench.project)) == []


def test_what_a_dead_release_left_waits_for_a_host_that_is_away(bench: Bench) -> None:
    socket = bench.folder / "engine.sock"
    socket.symlink_to("/var/run/docker.sock")
    bench.configure(environments={"dev": {"hosts": [f"unix://{socket}"]}})
    first = bench.release(bench.push("v1"))
    second = left_in_deploy(bench, bench.push("v2"))
    socket.unlink()
    away = bench.fairlead("settle", "dev", code=3)
    assert away.stderr.partition("  because: ")[0] == (
        f"error: Release {second} of dev was left unfinished and could not be settled: The Docker "
        f"engine of unix://{socket} does not answer: [Errno 2] No such file or directory.\n"
        "Start it, or mend the way to it, then try: fairlead check\n"
        "Mend that, then: fairlead settle dev\n"
    )
    refused = bench.release(bench.push("v3"))
    assert refused.state is ReleaseState.REFUSED
    assert refused.error == away.stderr.partition("  because: ")[0].removeprefix("error: ").strip()
    socket.symlink_to("/var/run/docker.sock")
    words = f"The process that made it died during deploy; {first.sha[:7]} serves. {KEPT}"
    assert settled(bench) == f"Release {second} ({sha_of('v2')[:7]}): {words}"
    settling = [step for step in bench.steps(second) if step.name is StepName.SETTLE]
    assert [step.outcome for step in settling] == [
        StepOutcome.FAILED,
        StepOutcome.FAILED,  # by the release that was refused
        StepOutcome.SUCCEEDED,
    ]
    assert bench.serves() == "v1"


def left_in_deploy(bench: Bench, sha: str) -> int:
    """A release as a dead process leaves it in the store, right after the intent to deploy."""
    with opened(bench) as project:
        request = Request("dev", sha, requested_by="tester", requested_via="pytest")
        release = project.store.releases.begin(
            request,
            project=bench.project,
            fencing=0,
            config=project.config.snapshot(),
            config_digest=project.config.digest("dev"),
        )
        project.store.steps.begin(release.id, StepName.DEPLOY)
    return release.id


@contextmanager
def command(bench: Bench, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The command as a person runs it, still running."""
    with subprocess.Popen(
        bench.command(*arguments),
        env=bench.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as running:
        try:
            yield running
        except BaseException:
            running.kill()
            print(said_by(running))
            raise


def said_by(running: subprocess.Popen[str]) -> str:
    assert running.stdout is not None
    return running.stdout.read()
