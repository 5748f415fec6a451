"""The next release, tried on tonight's data: real migrations, on a copy that is gone afterwards."""

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import docker
import psycopg
import pytest
from psycopg import sql

from examples.shop.build import build, image_name
from examples.stand.images import Images
from examples.stand.postgres import Postgres, create_database
from examples.stand.prefect_server import PrefectServer, client_environment
from examples.stand.registry import Registry
from examples.stand.state import State, machine_lock
from fairlead.model import PhaseName, Refresh, RefreshState, ReleaseState, StepOutcome
from tests.bench.bench import free_port, merged
from tests.bench.django_app import PASSWORD, DjangoApp, close_app, open_app
from tests.bench.images import push
from tests.bench.masked import Copy

pytestmark = pytest.mark.xdist_group("django")  # its image is made once, not by each worker
ROWS = """
insert into ahead_order (number, label, code, price, old)
select n, {label}, '', 1, '' from generate_series(1, 500) n
"""
COLUMN = """
select character_maximum_length from information_schema.columns
where table_name = 'ahead_order' and column_name = 'label'
"""


class Ahead:
    """uat is refreshed from prod, and is promoted from dev; each has a database of its own."""

    def __init__(self, app: DjangoApp, postgres: Postgres) -> None:
        self.app, self.postgres = app, postgres
        self.uat, self.prod = (self._database(name) for name in ("uat", "prod"))
        app.environ["MASKING_KEY"] = "k" * 32
        self.configure({})

    def _database(self, environment: str) -> Copy:
        name = f"{self.app.project}_{environment}"
        direct = create_database(self.postgres, name, role=self.app.project, password=PASSWORD)
        here = f"@{self.postgres.host}:{self.postgres.port}/"
        self.app.environ |= {
            f"{environment.upper()}_URL": direct.replace(here, "@postgres:5432/"),
            f"{environment.upper()}_DIRECT": direct,
        }
        return Copy(direct)

    def configure(self, rules: dict[str, Any], **of_uat: Any) -> None:
        usual = self.app.usual()["environments"]["dev"]

        def environment(name: str, **more: Any) -> dict[str, Any]:
            own = {
                "http_port": self.app.port if name == "uat" else free_port(),
                "env": {"PGDATABASE": f"{self.app.project}_{name}"},
                "database": {
                    "url": f"env:{name.upper()}_URL",
                    "direct_url": f"env:{name.upper()}_DIRECT",
                },
                "backup": {"kind": "none"},
                **more,
            }
            return merged(usual, own)

        uat = environment("uat", refresh={"from": "prod"}, soak=0, **of_uat)
        self.app.configure(
            masking={"key": "env:MASKING_KEY", "rules": rules},
            environments={
                "dev": {"http_port": free_port(), "backup": {"kind": "none"}},
                "uat": uat,
                "prod": environment("prod", production=True),
            },
        )

    def release(self, environment: str, version: str, *migrations: str) -> str:
        sha = self.app.push_migrations(version, *migrations)
        name = f"{self.app.registry}/{self.app.project}/web"
        push(self.app.engine, f"{name}:dev-{sha}", f"{name}:{environment}-{sha}")
        made = self.app.release(sha, environment)
        assert made.state is ReleaseState.SUCCEEDED, made.error
        return sha

    def refresh(self) -> Refresh:
        request = str(uuid.uuid4())
        self.app.flow("refresh", environment="uat", requested_by="tester", request_id=request)
        found = self.app.read(lambda store: store.refreshes.of_request(request))
        assert isinstance(found, Refresh)
        assert found.state is RefreshState.REFRESHED, found.error
        return found

    def phase(self, row: Refresh) -> tuple[StepOutcome | None, str]:
        phases = self.app.read(lambda store: store.refreshes.phases(row.id))
        (found,) = (phase for phase in phases if phase.name is PhaseName.REHEARSE)
        return found.outcome, found.detail

    def copies(self) -> list[str]:
        names = self.uat.column("select datname from pg_database")
        return [name for name in names if str(name).startswith(f"{self.app.project}_uat_rehearsed")]

    def close(self) -> None:
        with psycopg.connect(self.postgres.url(), autocommit=True) as connection:
            names = connection.execute(
                "select datname from pg_database where starts_with(datname, %s)",
                (f"{self.app.project}_",),
            ).fetchall()
            for (name,) in names:
                connection.execute(
                    sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
                )


@pytest.fixture
def ahead(
    engine: docker.DockerClient,
    postgres: Postgres,
    images: Images,
    registry: Registry,
    store_url: str,
    prefect_server: PrefectServer,
    state: State,
    tmp_path: Path,
) -> Iterator[Ahead]:
    with machine_lock("fairlead-test-shop"):
        (version,) = build(
            registry.address,
            images.python,
            images.caddy,
            state.folder("shop"),
            versions=["v1"],
            wheels=images.made_here,
        ).values()
    app = open_app(
        engine,
        postgres,
        image_name(registry.address, "backend", version),
        project=f"d{uuid.uuid4().hex[:8]}",
        folder=tmp_path,
        registry=registry.address,
        base="",
        store_url=store_url,
        proxy_image=images.caddy,
        port=free_port(),
        environ={**client_environment(prefect_server, state), "PREFECT_LOGGING_LEVEL": "WARNING"},
    )
    opened = Ahead(app, postgres)
    try:
        yield opened
    finally:
        opened.close()
        close_app(engine, postgres, app)


def test_the_next_release_is_tried_on_tonights_data(ahead: Ahead) -> None:
    ahead.release("uat", "v1", "0001")
    copied = f"create database {ahead.app.project}_prod template {ahead.app.project}_uat"
    with psycopg.connect(ahead.postgres.url(), autocommit=True) as connection:
        connection.execute(f"drop database {ahead.app.project}_prod".encode())
        connection.execute(f"{copied} owner {ahead.app.project}".encode())
    ahead.prod.run(ROWS.format(label="'short'"))
    rules = {column.short: "keep" for column in ahead.prod.catalog().columns.values()}
    ahead.configure(rules, promotes_from="dev")
    ahead.app.fairlead("refresh", "mark", "uat", "--yes")

    nothing = ahead.refresh()
    assert ahead.phase(nothing) == (StepOutcome.SKIPPED, "nothing is ahead")

    sha = ahead.release("dev", "v2", "0001", "0002", "0003")
    good = ahead.refresh()
    found = good.figures["rehearsal"]
    assert (found["environment"], found["sha"], found["failure"]) == ("dev", sha, "")
    migrations = dict(found["migrations"])
    assert list(migrations) == ["ahead.0002_widened", "ahead.0003_shrunk"]
    assert 0 < sum(migrations.values()) <= found["seconds"]
    assert ahead.phase(good)[1].startswith(f"{sha[:7]}, which runs in dev, would take ")
    assert ahead.uat.column(COLUMN) == [100]  # its own code's

    ahead.prod.run(ROWS.format(label="repeat('long', 10)"))
    bad = ahead.refresh()
    found = bad.figures["rehearsal"]
    assert "ended with exit code 1" in found["failure"]
    assert any("value too long" in line for line in found["tail"])
    assert found["at"] == "ahead.0003_shrunk"
    assert "would FAIL on this data after " in ahead.phase(bad)[1]
    assert ahead.uat.column("select count(*) from ahead_order") == [1000]
    assert ahead.copies() == []
