"""A replica is read in the place of production; and production, or the replica, goes away."""

from collections.abc import Iterator

import docker
import pytest
from psycopg.conninfo import conninfo_to_dict

from examples.stand.images import Images
from examples.stand.postgres import Postgres
from fairlead.model import PhaseName, RefreshState
from tests.bench.bench import Bench, free_port
from tests.bench.dying import until
from tests.bench.refreshed import PRIVATE, Refreshed, is_good, refreshed, unchanged, whole
from tests.bench.servers import Server, own_server, replica_of

MANY = 400_000  # rows of some 50 bytes, of which a megabyte a second is read
NOISE = f"insert into item (note) select md5(n::text) from generate_series(1, {MANY}) n"
READING = (
    "select 1 from pg_stat_activity where application_name ~ '^fairlead refresh' "
    "and query ~ '^COPY .*item' and state = 'active'"
)


@pytest.fixture
def prod(engine: docker.DockerClient, images: Images) -> Iterator[Server]:
    with own_server(engine, images.postgres) as made:
        yield made


@pytest.fixture
def uat(bench: Bench, postgres: Postgres, prod: Server) -> Iterator[Refreshed]:
    with refreshed(bench, prod.postgres, target=postgres) as made:
        yield made


@pytest.fixture
def replica(
    uat: Refreshed, prod: Server, engine: docker.DockerClient, images: Images
) -> Iterator[Server]:
    with replica_of(prod, engine, images.postgres, "max_standby_streaming_delay=1s") as made:
        database = str(conninfo_to_dict(uat.prod)["dbname"])
        uat.bench.environ["REPLICA_URL"] = made.postgres.url(database)
        yield made


def test_a_replica_is_read_while_production_itself_is_away(uat: Refreshed, replica: Server) -> None:
    uat.configure(refresh={"url": "env:REPLICA_URL"})
    uat.bench.environ["PROD_URL"] = f"postgresql://nobody@127.0.0.1:{free_port()}/nowhere"
    is_good(uat.refresh())
    assert uat.run(uat.uat, "select count(*) from item") == [(500,)]
    assert not [word for word in PRIVATE if word in whole(uat, uat.uat)]


def test_a_replica_that_ends_the_dump_says_why(
    uat: Refreshed, prod: Server, replica: Server
) -> None:
    """What production removes meanwhile, for good: a dump there could still read it."""
    way = uat.bench.environ["REPLICA_URL"]
    uat.run(uat.prod, NOISE)
    until(lambda: uat.run(way, f"select 1 from item where id > {MANY}"), "the replica has it all")
    uat.configure(refresh={"url": "env:REPLICA_URL", "rate_mb": 1})
    with uat.flow() as flow:
        until(lambda: uat.run(way, READING), "it reads")
        uat.run(uat.prod, "delete from one.person")
        uat.run(uat.prod, "vacuum one.person")
        flow.ended()
        row = uat.row(flow)
    where = f"127.0.0.1:{replica.postgres.port}/"
    unchanged(uat, row, RefreshState.FAILED, f"the replica {where}", "hot_standby_feedback = on")


@pytest.mark.parametrize("rate", [1, 0])
def test_production_that_is_killed_while_it_is_read_is_named(
    uat: Refreshed, prod: Server, rate: int
) -> None:
    uat.run(uat.prod, NOISE if rate else NOISE.replace(f"{MANY}", f"{MANY * 5}"))
    uat.configure(refresh={"rate_mb": rate})
    with uat.flow() as flow:
        until(lambda: uat.run(uat.prod, READING), "it reads")
        prod.container.kill()
        flow.ended()
        row = uat.row(flow)
    prod.start()
    where = f"prod at 127.0.0.1:{prod.postgres.port}/"
    unchanged(uat, row, RefreshState.FAILED, where, " does not answer any more: ")
    assert uat.phases(row.id)[-1].name is PhaseName.DUMP
    if rate:
        uat.configure()
        is_good(uat.refresh())
