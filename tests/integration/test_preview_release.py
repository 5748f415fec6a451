"""A release looks ahead at its migrations once, and does what its environment's policy says."""

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import docker
import psycopg
import pytest

from examples.shop.build import build, image_name
from examples.stand.images import Images
from examples.stand.postgres import Postgres
from examples.stand.prefect_server import PrefectServer, client_environment
from examples.stand.registry import Registry
from examples.stand.state import State, machine_lock
from fairlead.database.preview.clone import PART
from fairlead.model import Release, ReleaseState, Step, StepName, StepOutcome
from fairlead.project import Project
from fairlead.report import release_report, story_of
from tests.bench.bench import free_port
from tests.bench.django_app import DjangoApp, close_app, open_app

pytestmark = pytest.mark.xdist_group("django")  # its image is made once, not by each worker
FIRST = ("0001",)
SAFE = ("0001", "0002")
UNSAFE = ("0001", "0002", "0003")
ROWS = """
insert into ahead_order (number, label, code, price, old)
select n, '', '', 1, repeat('x', 1000) from generate_series(1, 2000) n
"""
WHY = (
    "ahead.0003_shrunk: public.ahead_order.label was character varying(100) and is character "
    "varying(20)"
)


@pytest.fixture(scope="session")
def django(registry: Registry, images: Images, state: State) -> str:
    """An image with Django: that of the shop."""
    with machine_lock("fairlead-test-shop"):
        (version,) = build(
            registry.address,
            images.python,
            images.caddy,
            state.folder("shop"),
            versions=["v1"],
            wheels=images.made_here,
        ).values()
    return image_name(registry.address, "backend", version)


@pytest.fixture
def app(
    engine: docker.DockerClient,
    postgres: Postgres,
    images: Images,
    registry: Registry,
    django: str,
    store_url: str,
    prefect_server: PrefectServer,
    state: State,
    tmp_path: Path,
) -> Iterator[DjangoApp]:
    opened = open_app(
        engine,
        postgres,
        django,
        project=f"d{uuid.uuid4().hex[:8]}",
        folder=tmp_path,
        registry=registry.address,
        base="",
        store_url=store_url,
        proxy_image=images.caddy,
        port=free_port(),
        environ={**client_environment(prefect_server, state), "PREFECT_LOGGING_LEVEL": "WARNING"},
    )
    yield opened
    close_app(engine, postgres, opened)


def policy(app: DjangoApp, unsafe: str, **over: object) -> None:
    app.configure(environments={"dev": {"migrations": {"unsafe": unsafe, **over}}})


def step(app: DjangoApp, release: Release, name: StepName) -> Step | None:
    return next((one for one in reversed(app.steps(release.id)) if one.name is name), None)


def columns(app: DjangoApp) -> int | None:
    """How many characters a label may have in the real database."""
    with psycopg.connect(app.direct) as connection:
        row = connection.execute(
            "select character_maximum_length from information_schema.columns "
            "where table_name = 'ahead_order' and column_name = 'label'"
        ).fetchone()
        copies = connection.execute("select datname from pg_database").fetchall()
    assert [name for (name,) in copies if name.startswith(app.project + PART)] == []
    return row[0] if row else None


def report(app: DjangoApp, release: Release) -> str:
    with app.acting():
        project = Project.open(app.folder / "fairlead.toml", app.environ)
        try:
            return release_report(story_of(project, release))
        finally:
            project.close()


def test_what_is_pending_is_asked_once_and_what_is_unsafe_is_told(app: DjangoApp) -> None:
    first = app.release(app.push_migrations("v1", *FIRST))
    assert first.state is ReleaseState.SUCCEEDED, first.error
    planned = step(app, first, StepName.PLAN_MIGRATIONS)
    assert planned is not None
    assert planned.detail.endswith("; nothing is applied there yet, every table is new")

    sha = app.push_migrations("v2", *FIRST)
    second = app.release(sha)
    assert second.state is ReleaseState.SUCCEEDED, second.error
    planned = step(app, second, StepName.PLAN_MIGRATIONS)
    assert planned is not None
    assert (planned.outcome, planned.detail) == (StepOutcome.SUCCEEDED, "nothing pending")
    saved = step(app, second, StepName.BACKUP_DATABASE)
    assert saved is not None
    assert (saved.outcome, saved.detail) == (
        StepOutcome.SKIPPED,
        "nothing is pending: no backup",
    )
    assert step(app, second, StepName.CHECK_DATA) is None
    assert app.read(lambda store: store.previews.of(second.id)) is None

    third = app.release(app.push_migrations("v3", *UNSAFE))
    assert third.state is ReleaseState.SUCCEEDED, third.error
    planned = step(app, third, StepName.PLAN_MIGRATIONS)
    assert planned is not None
    assert planned.detail == ("2 migrations pending; breaks the code that runs now in 1 place")
    assert f"unsafe: {WHY}" in planned.log_tail
    assert columns(app) == 20
    said = report(app, third)
    assert "## What its migrations would do" in said
    assert 'ALTER TABLE "ahead_order" ALTER COLUMN "label" TYPE varchar(20)' in said
    assert "- rewrites public.ahead\\_order" in said


def test_refused_release_has_touched_nothing_and_names_the_statement(app: DjangoApp) -> None:
    app.release(app.push_migrations("v1", *FIRST))
    policy(app, "refuse")
    before = app.containers()
    refused = app.release(app.push_migrations("v2", *UNSAFE))
    assert refused.state is ReleaseState.REFUSED
    assert refused.error == (
        "The migrations are not safe for dev, which refuses that:\n"
        f"    {WHY}\n"
        '        ALTER TABLE "ahead_order" ALTER COLUMN "label" TYPE varchar(20)\n'
        "Split them (expand, release, contract), or have somebody look at it: "
        'environments.dev.migrations.unsafe = "approve"'
    )
    assert (columns(app), app.containers()) == (100, before)
    assert [one.name for one in app.steps(refused.id)][-1] is StepName.PLAN_MIGRATIONS
    safe = app.release(app.push_migrations("v3", *SAFE))
    assert safe.state is ReleaseState.SUCCEEDED, safe.error


def test_unsafe_release_waits_and_what_was_approved_is_what_is_done(app: DjangoApp) -> None:
    app.release(app.push_migrations("v1", *FIRST))
    policy(app, "approve")
    waiting = app.release(app.push_migrations("v2", *UNSAFE))
    assert (waiting.state, columns(app)) == (ReleaseState.WAITING, 100)
    assert WHY.replace("_", "\\_").replace(":", "\\:") in report(app, waiting)
    app.fairlead("approve", str(waiting.id), "--reason", "seen", timeout=300)
    done = app.history()[0]
    assert (done.id, done.state, columns(app)) == (waiting.id, ReleaseState.SUCCEEDED, 20)


def test_approval_is_void_where_the_migrations_would_do_something_else(app: DjangoApp) -> None:
    app.release(app.push_migrations("v1", *FIRST))
    policy(app, "approve")
    waiting = app.release(app.push_migrations("v2", *UNSAFE))
    app.execute("insert into django_migrations (app, name, applied) "
                "values ('ahead', '0002_widened', now())")  # fmt: skip
    app.fairlead("approve", str(waiting.id), "--reason", "seen", code=3, timeout=300)
    ended = app.history()[0]
    assert ended.state is ReleaseState.REFUSED
    assert "its migrations would do something else now" in (ended.error or "")
    assert columns(app) == 100


def test_large_table_that_is_rewritten_is_unsafe_by_its_size(app: DjangoApp) -> None:
    app.release(app.push_migrations("v1", *FIRST))
    app.execute(ROWS)
    sha = app.push_migrations("v2", *UNSAFE)
    for large, blocks in ((1, 1), (10, 0)):
        policy(app, "approve", large_mb=large)
        shown = json.loads(app.fairlead("preview", "dev", sha, "--format", "json", code=6).stdout)
        found = [one["words"] for one in shown["unsafe"]]
        wanted = "rewrites public.ahead_order (2,000 rows, "
        assert len([words for words in found if words.startswith(wanted)]) == blocks
        assert len(found) == 1 + blocks


def test_preview_by_hand_takes_no_lease_and_writes_nothing(app: DjangoApp) -> None:
    app.release(app.push_migrations("v1", *FIRST))
    sha = app.push_migrations("v2", *UNSAFE)
    told = app.fairlead("preview", "dev", sha)
    assert told.stdout.splitlines()[:4] == [
        f"{app.project} {sha[:7]} to dev: 2 migrations pending; breaks the code that runs now in "
        "1 place",
        "",
        "Breaks the code that runs now, and that a rollback brings back",
        f"  {WHY}",
    ]
    policy(app, "refuse")
    assert (
        "### Migrations of"
        in app.fairlead("preview", "dev", sha, "--format", "markdown", code=3).stdout
    )
    assert (len(app.history()), columns(app)) == (1, 100)
    nothing = app.fairlead("preview", "dev", app.push_migrations("v3", *FIRST))
    assert nothing.stdout.endswith("to dev: nothing pending\n")
