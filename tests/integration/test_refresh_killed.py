"""kill -9 of a refresh at each of its phases: UAT has yesterday's data, or all of the new."""

from collections.abc import Iterator

import pytest

from fairlead.model import PhaseName, RefreshState
from tests.bench.dying import until
from tests.bench.refreshed import PhaseGates, Refreshed

PHASES = [name for name in PhaseName if name is not PhaseName.PUT_BACK]
SWAPPED = ("after swap", "before check_health", "after check_health", "record")
PLACES = [*(f"after {name}" for name in PHASES), "before swap", "before check_health", "record"]


@pytest.fixture
def uat(shared_uat: Refreshed) -> Refreshed:
    """Each test leaves it with whatever data, and nothing beside."""
    return shared_uat


@pytest.fixture
def gates(uat: Refreshed) -> Iterator[PhaseGates]:
    made = PhaseGates(uat.bench.store_url)
    try:
        yield made
    finally:
        made.forget()
        made.close()


@pytest.mark.parametrize("place", PLACES)
def test_a_refresh_that_is_killed_leaves_one_whole_database(
    uat: Refreshed, gates: PhaseGates, place: str
) -> None:
    uat.as_yesterday()
    gates.close_at(place)
    with uat.flow() as flow:
        until(gates.waiting, f"it waits {place}")
        flow.kill()
        row = uat.row(flow)
    gates.drop_waiting()
    gates.forget()
    new = place in SWAPPED
    assert row.state is RefreshState.RUNNING
    assert uat.has_yesterday() is not new
    until(lambda: not uat.bench.read(lambda store: store.leases.live(uat.bench.project)), "free")
    said = uat.bench.fairlead("settle", "uat").stdout

    after = uat.get(row.id)
    assert uat.has_yesterday() is not new
    assert after.state is (RefreshState.REFRESHED if new else RefreshState.FAILED)
    assert after.error is not None
    assert after.error.startswith("The process that made it died during ")
    assert f"refresh {row.id}: the process that made it died during " in said
    assert (row.kept.removeprefix(uat.database) in uat.databases()) is new
    assert row.made.removeprefix(uat.database) not in uat.databases()
    work = (uat.bench.folder / "home" / "refresh").rglob("*")
    assert not [path for path in work if path.is_file()]
    assert uat.bench.containers("job") == []
    assert "nothing was left" in uat.bench.fairlead("settle", "uat").stdout


def test_the_next_refresh_settles_what_a_dead_one_left(uat: Refreshed, gates: PhaseGates) -> None:
    uat.as_yesterday()
    gates.close_at("after mask")
    with uat.flow() as flow:
        until(gates.waiting, "it waits after mask")
        flow.kill()
        dead = uat.row(flow)
    gates.drop_waiting()
    gates.forget()
    until(lambda: not uat.bench.read(lambda store: store.leases.live(uat.bench.project)), "free")
    row = uat.refresh()
    assert row.state is RefreshState.REFRESHED, row.error
    assert uat.get(dead.id).state is RefreshState.FAILED
    assert dead.made.removeprefix(uat.database) not in uat.databases()
