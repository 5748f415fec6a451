"""What deployments/postgres/roles.sql lets each program do in the store: its work, nothing else."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from examples.stand.postgres import Postgres, postgres_url
from fairlead.errors import StoreBehind
from fairlead.model import (
    AppliedBefore,
    BackupKind,
    DeliveryState,
    Drift,
    DriftKind,
    KeptPreview,
    Message,
    MessageKind,
    ReleaseState,
    Request,
    TenantMigration,
)
from fairlead.store import Store, open_store
from tests.bench.bench import Bench, free_port, sha_of
from tests.bench.github import receiving, release
from tests.bench.stores import own_store

# Roles are of the whole server: two workers would change them at the same time.
pytestmark = pytest.mark.xdist_group("roles")
ROLES = Path(__file__).parents[2] / "deployments" / "postgres" / "roles.sql"
PASSWORD = "planted-7f3a91"
FLOW, RECEIVER, READER = "fairlead_flow", "fairlead_receiver", "fairlead_reader"


@dataclass(frozen=True)
class Granted:
    """A store with roles; `owner` is the conninfo of whoever made its schema."""

    server: Postgres
    owner: str

    @property
    def database(self) -> str:
        return str(conninfo_to_dict(self.owner)["dbname"])

    @property
    def superuser(self) -> str:
        return self.server.url(self.database)

    def url(self, role: str) -> str:
        """That of a login which is a member of `role`."""
        return postgres_url(self.server, f"{role}_login", PASSWORD, self.database)

    def run(self, url: str, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("set search_path to fairlead")
            done = connection.execute(statement.encode())
            return done.fetchall() if done.description else []


@pytest.fixture
def granted(postgres: Postgres, store_template: str) -> Iterator[Granted]:
    with own_store(postgres, store_template) as owner:
        made = Granted(postgres, owner)
        for _ in range(2):  # again after an upgrade
            made.run(made.superuser, ROLES.read_text())
        for role in (FLOW, RECEIVER, READER):
            login(made, role)
        yield made


def login(granted: Granted, role: str) -> None:
    name = f"{role}_login"
    with psycopg.connect(granted.superuser, autocommit=True) as connection:
        known = connection.execute("select from pg_roles where rolname = %s", (name,)).fetchone()
        if known is None:
            connection.execute(
                sql.SQL("create role {} login password {} in role {}").format(
                    sql.Identifier(name), sql.Literal(PASSWORD), sql.Identifier(role)
                )
            )


@pytest.fixture
def store_url(granted: Granted) -> str:
    """What `bench` works with."""
    return granted.url(FLOW)


def test_a_flow_makes_whole_releases_and_what_belongs_to_them(
    bench: Bench, granted: Granted
) -> None:
    bench.configure(environments={"uat": bench.environment(free_port(), approval=True)})
    first = bench.release(bench.push("v1"))
    assert first.state is ReleaseState.SUCCEEDED, first.error
    failed = bench.release(bench.push("v2", BEHAVIOUR="sick"))
    assert failed.state is ReleaseState.ROLLED_BACK, failed.error
    assert bench.release(bench.push("v3")).state is ReleaseState.SUCCEEDED
    assert bench.rollback().state is ReleaseState.SUCCEEDED
    assert (bench.flow("watch_drift"), bench.flow("prune")) == (0, 0)
    waiting = bench.release(bench.push("v4", environment="uat"), "uat")
    assert waiting.state is ReleaseState.WAITING, waiting.error
    bench.fairlead("refuse", str(waiting.id))
    assert granted.run(granted.owner, "select count(*) from release where state = 'running'") == [
        (0,)
    ]


def test_a_flow_writes_all_that_belongs_to_a_release(granted: Granted) -> None:
    with open_store({"FAIRLEAD_STORE_URL": granted.url(FLOW)}) as store:
        fencing = store.leases.acquire("shop", "dev", "somebody", 60)
        asked = Request("dev", sha_of("v1"), requested_by="alice", requested_via="pytest")
        made = store.releases.begin(
            asked, project="shop", fencing=fencing, config={}, config_digest=""
        )
        store.commits.keep("shop", made.sha, datetime(2026, 1, 2, tzinfo=UTC))
        store.tenants.keep(made.id, [TenantMigration("acme", "retried", 0.1, 1, "a.1", "why")])
        store.tenants.keep(made.id, [TenantMigration("acme", "done", 0.1, 2)])
        for pending in ("1", "2"):
            store.previews.keep(KeptPreview(made.id, "a" * 64, pending, {}))
        store.applied.keep(made.id, [AppliedBefore(True, ["public"], [["a", "0001"]])])
        saved(store, made.id)
        drift = Drift(DriftKind.GONE, "one", "web-1", "web-1 is gone")
        for found in ([drift], [drift], []):
            store.drifts.note("shop", "dev", found)
        told(store)
        store.leases.release("shop", "dev", fencing)
        assert store.leases.unlock("shop", "dev") is None
        assert store.releases.untold("shop") == []


def saved(store: Store, release: int) -> None:
    def begin() -> int:
        return store.backups.begin(
            "shop",
            "dev",
            kind=BackupKind.DUMP,
            release=release,
            made_by="alice",
            database="shop",
            system="7",
            server="PostgreSQL 18",
            database_bytes=1,
            written={},
        ).id

    store.backups.failed(begin(), "why")
    good = begin()
    store.backups.goes_to(good, "/b/1")
    proven = store.backups.proven(good, place="/b/1", bytes=1, manifest=None, drilled=True)
    store.backups.restored(proven, made_by="alice", kept="shop_before", forced=False)
    store.backups.removed(good)


def told(store: Store) -> None:
    for text in ("begun", "over"):
        message = Message("slack:#a", "release 1", MessageKind.STATE, {"text": text})
        store.outbox.put("shop", [message])
        outgoing = store.outbox.claim("shop", ["slack:#a"])
        assert outgoing is not None
        store.outbox.put_off(outgoing, "away", seconds=0, uncertain=False)
        store.outbox.sent("shop", outgoing, f"reference of {text}")
    store.outbox.put("shop", [Message("slack:#a", "release 2", MessageKind.DETAIL, {})])
    store.outbox.hurry("shop", "release 2")
    store.outbox.give_up_old("shop", 0)
    store.outbox.forget("shop", 0)
    assert store.outbox.unsent("shop") == []


def test_a_receiver_keeps_a_delivery_and_how_far_it_came(granted: Granted, tmp_path: Path) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/api"
    with receiving(tmp_path, granted.url(RECEIVER), nobody) as receiver:
        answer = receiver.deliver(release())
        assert answer.status_code == 202, answer.text
        receiver.stop()
    with open_store({"FAIRLEAD_STORE_URL": granted.owner}) as store:
        (kept,) = store.deliveries.recent("shop", 10)
    assert (kept.state, kept.actor) == (DeliveryState.WAITING, "octocat")
    assert kept.attempts >= 1


def test_a_reader_looks_at_all_that_people_ask_for(bench: Bench, granted: Granted) -> None:
    made = bench.release(bench.push("v1"))
    reader = replace_store(bench, granted.url(READER))
    looks = (
        ["status"],
        ["history"],
        ["show", str(made.id)],
        ["metrics"],
        ["metrics", "--format", "prometheus"],
        ["drift"],
        ["backups", "dev"],
        ["dispatch", "deliveries"],
    )
    for look in looks:
        assert reader.fairlead(*look).stderr == "", look
    assert made.sha[:12] in reader.fairlead("status").stdout
    refused = reader.fairlead("release", "dev", made.sha, "--in-process", code=None)
    assert refused.returncode != 0
    assert len(bench.history()) == 1


def replace_store(bench: Bench, url: str) -> Bench:
    environ = {**bench.environ, "FAIRLEAD_STORE_URL": url}
    made = replace(bench, store_url=url, environ=environ)
    made.environ["FAIRLEAD_STORE_URL"] = url
    return made


RIGHTS = ("select", "insert", "update", "delete", "truncate", "references", "trigger")
# By table what each role may do, with some column of it at least.
MAY: Mapping[str, Mapping[str, str]] = {
    "applied_before": {FLOW: "select insert"},
    "approval": {FLOW: "select insert update", READER: "select"},
    "backup": {FLOW: "select insert update", READER: "select"},
    "change": {READER: "select"},
    "commit": {FLOW: "select insert", READER: "select"},
    "delivery": {FLOW: "select", RECEIVER: "select insert update", READER: "select"},
    "drift": {FLOW: "select insert update", READER: "select"},
    "image": {FLOW: "select insert", READER: "select"},
    "lease": {FLOW: "select insert update", READER: "select"},
    "ledger": {FLOW: "select insert"},
    "notice": {},
    "outbox": {FLOW: "select insert update delete"},
    "placement": {FLOW: "select insert update delete", READER: "select"},
    "preview": {FLOW: "select insert update", READER: "select"},
    "receipt": {FLOW: "select insert update delete"},
    "refresh": {FLOW: "select insert update", READER: "select"},
    "refresh_phase": {FLOW: "select insert update", READER: "select"},
    "release": {FLOW: "select insert update", READER: "select"},
    "restore": {FLOW: "insert"},
    "schema_version": {FLOW: "select", RECEIVER: "select", READER: "select"},
    "step": {FLOW: "select insert update", READER: "select"},
    "tenant_migration": {FLOW: "select insert update", READER: "select"},
}


def test_each_role_may_do_what_it_needs_in_every_table_and_nothing_else(granted: Granted) -> None:
    """A new table belongs into this list, and into roles.sql."""
    tables = [
        str(name)
        for (name,) in granted.run(
            granted.owner,
            "select relname from pg_class where relnamespace = 'fairlead'::regnamespace "
            "and relkind in ('r', 'v')",
        )
    ]
    assert sorted(tables) == sorted(MAY)
    found = {table: {role: rights(granted, role, table) for role in (FLOW, RECEIVER, READER)}
             for table in tables}  # fmt: skip
    expected = {
        table: {role: set(MAY[table].get(role, "").split()) for role in (FLOW, RECEIVER, READER)}
        for table in tables
    }
    assert found == expected


def rights(granted: Granted, role: str, table: str) -> set[str]:
    name = f"fairlead.{table}"
    found = set()
    for right in RIGHTS:
        of_columns = "any_column" if right in ("select", "insert", "update", "references") else ""
        function = f"has_{of_columns or 'table'}_privilege"
        asked = f"select {function}('{role}_login', '{name}', '{right}')"
        if granted.run(granted.superuser, asked) == [(True,)]:
            found.add(right)
    return found


@pytest.mark.parametrize(
    ("role", "statement"),
    [
        (FLOW, "update release set requested_by = 'somebody else'"),
        (FLOW, "update release set sha = repeat('a', 40)"),
        (FLOW, "update step set name = 'deploy'"),
        (FLOW, "update approval set rule = 'anybody'"),
        (FLOW, "update ledger set digest = 'sha256:' || repeat('a', 64)"),
        (FLOW, "delete from release"),
        (FLOW, "truncate step"),
        (FLOW, "create table fairlead.mine ()"),
        (FLOW, "alter table release add column mine text"),
        (FLOW, "update schema_version set version_num = '0000'"),
        (FLOW, "set role store"),
        (RECEIVER, "select * from release"),
        (RECEIVER, "select config from release"),
        (RECEIVER, "insert into delivery (project, state) values ('shop', 'started')"),
        (RECEIVER, "update delivery set actor = 'somebody else'"),
        (RECEIVER, "delete from delivery"),
        (READER, "update lease set holder = null"),
        (READER, "insert into commit values ('shop', repeat('a', 40), now())"),
        (READER, "select body from outbox"),
        (READER, "create temp table mine ()"),
    ],
)
def test_what_is_not_granted_is_refused(granted: Granted, role: str, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        granted.run(granted.url(role), statement)


def test_a_login_without_a_role_does_not_get_in(granted: Granted, postgres: Postgres) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute("drop role if exists fairlead_nobody")
        connection.execute(f"create role fairlead_nobody login password '{PASSWORD}'".encode())
        try:
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                psycopg.connect(make_conninfo(granted.owner, user="fairlead_nobody",
                                              password=PASSWORD))  # fmt: skip
        finally:
            connection.execute("drop role fairlead_nobody")


def test_only_the_owner_brings_the_schema_forward(granted: Granted) -> None:
    granted.run(granted.owner, "update schema_version set version_num = '0001'")
    with pytest.raises(StoreBehind) as caught:
        open_store({"FAIRLEAD_STORE_URL": granted.url(FLOW)})
    place = f"{granted.server.host}:{granted.server.port}/{granted.database}"
    assert str(caught.value) == (
        f"The schema of the store at {place} is not that of this Fairlead: it is older, and "
        f"{FLOW}_login may not change it.\n"
        "Run this version once as the database's owner: FAIRLEAD_STORE_URL=… fairlead status; "
        "and then deployments/postgres/roles.sql again."
    )
