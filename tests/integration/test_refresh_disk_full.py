"""A full disk where UAT's database is: UAT serves what it had, and the next refresh goes well."""

from collections.abc import Iterator

import docker
import pytest

from examples.stand.images import Images
from examples.stand.postgres import Postgres
from fairlead.model import PhaseName, RefreshState, StepOutcome
from tests.bench.bench import Bench
from tests.bench.dying import until
from tests.bench.refreshed import Refreshed, is_good, refreshed, unchanged
from tests.bench.saved import wrapped
from tests.bench.servers import DATA, Server, own_server

LEFT = 25_000_000  # of 600 MB, of which 31 are to stay free


@pytest.fixture
def small(engine: docker.DockerClient, images: Images) -> Iterator[Server]:
    with own_server(engine, images.postgres, disk="600m") as made:
        yield made


@pytest.fixture
def uat(bench: Bench, postgres: Postgres, small: Server) -> Iterator[Refreshed]:
    with refreshed(bench, postgres, target=small.postgres) as made:
        yield made


def named(small: Server) -> str:
    return f"the disk of its server 127.0.0.1:{small.postgres.port} ({DATA}) has "


def test_a_disk_that_is_too_small_is_told_before_anything_is_read(
    uat: Refreshed, small: Server
) -> None:
    small.fill(LEFT)
    row = uat.refresh()
    unchanged(uat, row, RefreshState.REFUSED, named(small), "the new database will take about ")
    assert [phase.name for phase in uat.phases(row.id)] == [PhaseName.LOOK]


@pytest.mark.parametrize("section", ["data", "post-data"])
def test_a_disk_that_others_fill_meanwhile_ends_the_refresh_and_not_the_server(
    uat: Refreshed, small: Server, section: str
) -> None:
    here = uat.bench.folder / "here"
    wait = f'case " $* " in *" --section={section} "*) touch {here}; sleep 5;; esac'
    programs = wrapped(uat.bench.folder, before={"pg_restore": wait}, major=15)
    uat.configure(environments={"uat": {"backup": {"kind": "none", "programs": programs}}})
    with uat.flow() as flow:
        until(here.exists, "it is being restored")
        small.fill(LEFT)
        flow.ended()
        row = uat.row(flow)
    unchanged(uat, row, RefreshState.FAILED, named(small), "are to stay free")
    assert uat.phases(row.id)[-1].outcome is StepOutcome.FAILED
    small.do(f"rm {DATA}/ballast")
    uat.configure()
    is_good(uat.refresh())
