"""The lease: one holder an environment, who loses it with its heartbeat and finds out in time."""

import re
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from fairlead.errors import LeaseHeld, LeaseLost
from fairlead.lease import hold, holder
from fairlead.model import ReleaseState, Request, StepName
from fairlead.releasing import releasing
from fairlead.store import Store, open_store
from tests.bench.bench import Bench
from tests.bench.dying import PATIENCE, flow_process, gates, opened, until


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store({"FAIRLEAD_STORE_URL": store_url}) as made:
        yield made


def test_second_holder_is_refused_with_who_holds_it_and_since_when(store: Store) -> None:
    with hold(store, "shop", "dev", ttl=30):
        lease = store.leases.get("shop", "dev")
        assert lease is not None
        assert lease.acquired_at is not None
        with pytest.raises(LeaseHeld) as caught, hold(store, "shop", "dev", ttl=30):
            pass
        since = lease.acquired_at.strftime("%Y-%m-%d %H:%M:%S %Z")
        assert str(caught.value) == (
            f"dev is being changed by another run: {holder()}, since {since}.\n"
            "Wait for it (--wait), or look: fairlead history dev"
        )
        with hold(store, "shop", "prod", ttl=30), hold(store, "other", "dev", ttl=30):
            assert [found.environment for found in store.leases.live("shop")] == ["dev", "prod"]
    assert store.leases.live("shop") == []


def test_fencing_number_grows_with_each_holder(store: Store) -> None:
    numbers = []
    for _ in range(3):
        with hold(store, "shop", "dev", ttl=30) as held:
            numbers.append(held.fencing)
    assert numbers == [1, 2, 3]


def test_one_of_many_who_ask_at_once_gets_it(store: Store) -> None:
    got: list[int] = []
    refused: list[LeaseHeld] = []
    start = threading.Barrier(4)

    def ask(name: str) -> None:
        start.wait()
        try:
            got.append(store.leases.acquire("shop", "dev", name, 30))
        except LeaseHeld as error:
            refused.append(error)

    threads = [threading.Thread(target=ask, args=(f"process {at}",)) for at in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (got, len(refused)) == ([1], 3)


def test_heartbeat_keeps_it_beyond_its_time_and_without_one_it_ends(store: Store) -> None:
    with hold(store, "shop", "dev", ttl=2) as held:
        time.sleep(3)
        held.guard()
        with pytest.raises(LeaseHeld):
            store.leases.acquire("shop", "dev", "another", 1)
    assert store.leases.acquire("shop", "dev", "one without a heartbeat", 0.5) == 2
    until(lambda: not store.leases.live("shop"), "it has ended")
    assert store.leases.acquire("shop", "dev", "the next", 30) == 3


def test_holder_who_waits_gets_it_when_it_is_given_back(store: Store) -> None:
    first = store.leases.acquire("shop", "dev", "the first", 30)
    threading.Timer(0.3, store.leases.release, ("shop", "dev", first)).start()
    with hold(store, "shop", "dev", ttl=30, wait=10) as held:
        assert held.fencing == 2


def test_holder_who_lost_it_neither_renews_nor_gives_back_what_another_holds(store: Store) -> None:
    first = store.leases.acquire("shop", "dev", "the first", 0.1)
    until(lambda: not store.leases.live("shop"), "it has ended")
    second = store.leases.acquire("shop", "dev", "the second", 30)
    with pytest.raises(LeaseLost) as caught:
        store.leases.renew("shop", "dev", first, 30)
    assert str(caught.value) == (
        "The lease of dev (number 1) was lost: its heartbeat came too late, or somebody unlocked "
        "it.\nSee who holds it now: fairlead status, then: fairlead settle dev"
    )
    store.leases.release("shop", "dev", first)
    lease = store.leases.get("shop", "dev")
    assert lease is not None
    assert (lease.holder, lease.fencing) == ("the second", second)


def test_unlocked_holder_finds_out_before_its_next_act(store: Store) -> None:
    with hold(store, "shop", "dev", ttl=30) as held:
        before = store.leases.unlock("shop", "dev")
        assert before is not None
        assert before.holder == holder()
        with pytest.raises(LeaseLost):
            held.guard()
        assert store.leases.unlock("shop", "dev") is None
        assert store.leases.acquire("shop", "dev", "the next", 30) == 3


def test_unlock_takes_it_from_who_hangs_and_says_from_whom(bench: Bench) -> None:
    with bench.store() as store:
        store.leases.acquire(bench.project, "dev", "process 1 on elsewhere", 60)
    said = [bench.fairlead("unlock", "dev", "--yes").stdout for _ in range(2)]
    assert said == [
        "dev: taken from process 1 on elsewhere. Now: fairlead settle dev\n",
        "dev: nobody holds the lease.\n",
    ]


def test_one_of_two_commands_at_once_releases_and_the_other_is_refused(bench: Bench) -> None:
    shas = [bench.push("v1"), bench.push("v2")]
    with gates(bench) as closed:
        closed.before(StepName.PREFLIGHT)
        both = [
            subprocess.Popen(
                bench.command("release", "dev", sha, "--in-process"),
                env=bench.environ,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            for sha in shas
        ]
        try:
            until(lambda: any(one.poll() is not None for one in both), "one is refused")
            closed.open()
            said = [one.communicate(timeout=PATIENCE)[0] for one in both]
        finally:
            for one in both:
                one.kill()
    assert sorted(one.returncode for one in both) == [0, 3]
    loser = next(at for at, one in enumerate(both) if one.returncode == 3)
    found = {release.sha: release for release in bench.history()}
    won, lost = found[shas[1 - loser]], found[shas[loser]]
    assert (won.state, lost.state) == (ReleaseState.SUCCEEDED, ReleaseState.REFUSED)
    assert bench.serves() == ("v2" if loser == 0 else "v1")
    assert lost.error is not None
    # The loser may have come before the winner had written its release.
    assert re.fullmatch(
        rf"dev is being changed by (release {won.id}|another run): process \d+ on \S+, "
        r"since [-\d]{10} [:\d]{8} UTC\.\n"
        r"Wait for it \(--wait\), or look: fairlead history dev",
        lost.error,
    )
    assert lost.error in said[loser]


def test_command_with_wait_releases_when_the_other_has_ended(bench: Bench) -> None:
    sha = bench.push("v1")
    with bench.store() as store:
        store.leases.acquire(bench.project, "dev", "one without a heartbeat", 8)
        lease = store.leases.get(bench.project, "dev")
        bench.fairlead("release", "dev", sha, "--in-process", "--wait", "1")
        (release,) = store.releases.history(bench.project, "dev", 10)
    assert lease is not None
    assert lease.expires_at is not None
    assert release.started_at >= lease.expires_at
    assert release.state is ReleaseState.SUCCEEDED


def test_stopped_holder_finds_out_that_it_lost_the_lease_and_touches_nothing(bench: Bench) -> None:
    first = bench.release(bench.push("v1"))
    second, third = bench.push("v2", BEHAVIOUR="sick"), bench.push("v3")
    with flow_process(bench, "release", environment="dev", sha=second) as stopped:
        until(lambda: len(bench.containers(state="running")) == 2, "its container was started")
        stopped.send(signal.SIGSTOP)
        request = Request("dev", third, requested_by="tester", requested_via="pytest")
        with opened(bench) as project, releasing(project, request, wait=10) as run:
            settled = stopped.release()
            assert settled.state is ReleaseState.ROLLED_BACK
            stopped.send(signal.SIGCONT)
            assert stopped.ended() == 1
            run.lease.guard()
            assert "LeaseLost" in stopped.output()
            unfinished = project.store.releases.unfinished(bench.project, "dev")
            assert unfinished is not None
            assert unfinished.id == run.release.id
            run.state = ReleaseState.UNCHANGED
        assert stopped.release() == settled
        names = [step.name for step in bench.steps(settled.id)]
        assert names[-2:] == [StepName.DEPLOY, StepName.SETTLE]
    assert bench.containers() == [f"{bench.project}-dev-web-{first.id}-1"]
    assert bench.serves() == "v1"
