"""Many tenants: one that fails, a run that is killed, locks that others hold, what is told."""

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from examples.stand.postgres import Postgres
from examples.stand.state import machine_lock
from tests.bench.many import (
    Many,
    copy_database,
    ended,
    interpreter,
    make_origin,
    make_tenants,
    pg_dump,
    project,
)

FEW, MANY = 30, 300
DJANGO = "5.2"
NEW = ["0002_stock", "0003_review", "0004_index", "0005_labels"]
# A hundred of these are two hundred characters once they are capital letters.
TOO_LONG = "insert into shop_product (name, price, note) values (repeat('ß', 100), 1, '')"


def names(count: int) -> list[str]:
    return [f"t{at:03}" for at in range(count)]


def base(postgres: Postgres, count: int, folder: Path) -> str:
    """The name of a database of `count` tenants before the release; made once a run."""
    name = f"tenants_{count}"
    with machine_lock(f"{postgres.name}-{name}"):
        with psycopg.connect(postgres.url()) as connection:
            found = connection.execute(
                "select datconnlimit from pg_database where datname = %s", [name]
            ).fetchone()
        if not found:
            url = copy_database(postgres.url(), "template1", f"{name}_half")
            make_origin(Many(interpreter(DJANGO), project(folder, {"shop": ["0001"]}), url))
            make_tenants(url, names(count))
            copy_database(postgres.url(), f"{name}_half", name)
    return name


@pytest.fixture
def few(postgres: Postgres, tmp_path: Path, request: pytest.FixtureRequest) -> Many:
    return fresh(postgres, FEW, tmp_path, request)


@pytest.fixture
def many(postgres: Postgres, tmp_path: Path, request: pytest.FixtureRequest) -> Many:
    return fresh(postgres, MANY, tmp_path, request)


def fresh(postgres: Postgres, count: int, folder: Path, request: pytest.FixtureRequest) -> Many:
    template = base(postgres, count, folder / "before")
    own = re.sub(r"\W", "_", request.node.name)[:60].lower()
    url = copy_database(postgres.url(), template, own)
    return Many(interpreter(DJANGO), project(folder / "after", {}), url)


@contextmanager
def within(many: Many, tenant: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(many.url) as connection:
        connection.execute(sql.SQL("set search_path = {}, public").format(sql.Identifier(tenant)))
        yield connection


def new_migrations(many: Many, tenant: str) -> list[str]:
    with within(many, tenant) as connection:
        rows = connection.execute(
            "select name from django_migrations where app = 'shop' and name > '0002' order by id"
        ).fetchall()
    return [name for (name,) in rows]


def test_one_of_three_hundred_fails_alone_and_a_second_run_does_only_that_one(many: Many) -> None:
    with within(many, "t150") as connection:
        connection.execute(TOO_LONG)
    before = pg_dump(many.url, "--schema=t150", "--inserts")
    run = many.ours()
    assert run.code == 1
    (told,) = [one for one in run.of("tenant") if one["state"] == "failed"]
    assert (told["tenant"], told["at"], told["code"]) == ("t150", "shop.0005_labels", "22001")
    assert len(run.tenants("done")) == MANY  # with `origin`
    assert run.of("ended")[0]["failed"].keys() == {"t150"}
    assert _same(before, pg_dump(many.url, "--schema=t150", "--inserts"))
    with within(many, "t150") as connection:
        connection.execute("delete from shop_product")
    second = many.ours()
    assert (second.code, second.tenants("done")) == (0, ["t150"])
    assert new_migrations(many, "t150") == NEW


def _same(before: str, after: str) -> bool:
    """But for the key that newer versions of pg_dump draw each time, and for sequences, which no
    transaction takes back."""
    ours = re.compile(r"^(\\(un)?restrict|SELECT pg_catalog.setval).*$", re.MULTILINE)
    return ours.sub("", before) == ours.sub("", after)


def test_after_kill_9_no_tenant_is_half_done_and_the_second_run_finishes(few: Many) -> None:
    running = few.start()
    assert running.stdout
    seen = 0
    for line in running.stdout:
        seen += '"state": "done"' in line
        if seen == FEW // 3:
            running.kill()
            break
    running.communicate()
    _await_nobody(few)
    states = [new_migrations(few, tenant) for tenant in names(FEW)]
    assert all(state in ([], NEW) for state in states)
    done = states.count(NEW) + (new_migrations(few, "origin") == NEW)
    assert FEW // 3 <= done < FEW
    second = few.ours()
    assert (second.code, len(second.tenants("done"))) == (0, FEW + 1 - done)
    assert all(new_migrations(few, tenant) == NEW for tenant in names(FEW))


def _await_nobody(many: Many) -> None:
    """Those that the killed process had forked have seen that it is gone."""
    asked = "select count(*) from pg_stat_activity where datname = current_database()"
    deadline = time.monotonic() + 20
    with psycopg.connect(many.url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            row = connection.execute(asked).fetchone()
            if row == (1,):
                return
            time.sleep(0.1)
    pytest.fail("a process of the killed run still works")


def test_tenants_whose_locks_others_hold_are_tried_again_and_nobody_waits_behind(few: Many) -> None:
    held, waits = ["t003", "t007"], list[float]()
    holding, release = threading.Event(), threading.Event()

    def hold() -> None:
        with psycopg.connect(few.url) as connection:
            for tenant in held:
                row = f"insert into {tenant}.shop_order (name, price, note) values ('x', 1, '')"
                connection.execute(row.encode())
            holding.set()
            release.wait(60)

    def read() -> None:
        with psycopg.connect(few.url, autocommit=True) as connection:
            while not release.is_set():
                begun = time.monotonic()
                connection.execute("select count(*) from t003.shop_order")
                waits.append(time.monotonic() - begun)
                time.sleep(0.02)

    threads = [threading.Thread(target=target) for target in (hold, read)]
    for thread in threads:
        thread.start()
    assert holding.wait(30)
    running = few.start(attempts=30, lock_timeout=0.2)
    assert running.stdout
    told = []
    for line in running.stdout:
        told.append(line)
        if sum('"state": "retried"' in one and '"t003"' in one for one in told) == 2:
            release.set()
    run = ended(running)
    release.set()
    for thread in threads:
        thread.join()
    output = "".join(told) + run.output
    assert run.code == 0, output
    assert all(new_migrations(few, tenant) == NEW for tenant in names(FEW))
    retried = set(re.findall(r'"tenant": "(t\d+)", "state": "retried"', output))
    assert "t003" in retried
    assert retried <= set(held)
    assert max(waits) < 2


def test_writers_go_on_and_wait_no_longer_than_a_lock_and_a_migration(many: Many) -> None:
    stop, written, errors = threading.Event(), list[str](), list[psycopg.Error]()
    waits, lock_timeout = list[float](), 0.3

    def write(at: int) -> None:
        # Against the order in which the migrations take their locks.
        with psycopg.connect(many.url) as connection:
            while not stop.is_set():
                tenant = names(MANY)[at % MANY]
                at += 1
                try:
                    for table in ("order", "product"):
                        row = f"insert into {tenant}.shop_{table} (name, price, note)"
                        begun = time.monotonic()
                        connection.execute(f"{row} values ('x', 1, '')".encode())
                        waits.append(time.monotonic() - begun)
                        time.sleep(0.01)
                    connection.commit()
                    written.append(tenant)
                except psycopg.errors.NotNullViolation:
                    connection.rollback()  # the old code does not know the new column
                except psycopg.Error as error:
                    connection.rollback()
                    errors.append(error)

    threads = [threading.Thread(target=write, args=(at,)) for at in (0, 111, 222)]
    for thread in threads:
        thread.start()
    run = many.ours(attempts=30, lock_timeout=lock_timeout)
    stop.set()
    for thread in threads:
        thread.join()
    assert run.code == 0, run.output
    assert errors == []
    assert written
    # Behind a request for a lock, and then behind the migration that got it.
    assert max(waits) < lock_timeout + max(one["seconds"] for one in run.of("tenant"))
    assert all(new_migrations(many, tenant) == NEW for tenant in names(MANY))


def test_too_many_failures_end_the_run_and_what_is_begun_ends(few: Many) -> None:
    for tenant in names(FEW)[:6]:
        with within(few, tenant) as connection:
            connection.execute(TOO_LONG)
    run = few.ours(max_failures=1)
    (end,) = run.of("ended")
    assert run.code == 1
    assert 2 <= len(end["failed"]) <= 4
    assert end["left"] > 0
    assert end["stopped"].endswith("failed, more than 1")
    assert end["done"] + end["left"] + len(end["failed"]) == FEW + 1


def test_a_canary_that_fails_ends_the_run_before_anybody_else_is_touched(few: Many) -> None:
    with within(few, "t011") as connection:
        connection.execute(TOO_LONG)
    run = few.ours(canaries=["t010", "t011"])
    assert run.code == 1
    assert [one["tenant"] for one in run.of("tenant")] == ["t010", "t011"]
    assert run.of("ended")[0]["stopped"] == "the canary t011 failed"


def test_a_tenant_made_differently_is_told_and_migrated_all_the_same(few: Many) -> None:
    with psycopg.connect(few.url) as connection:
        (index,) = connection.execute(
            "select indexname from pg_indexes where schemaname = 't005'"
            " and tablename = 'shop_order' and indexname !~ '(like|pkey)$'"
        ).fetchone() or ("",)
        connection.execute(sql.SQL("drop index {}").format(sql.Identifier("t005", index)))
    run = few.ours()
    (told,) = run.of("differs")
    assert run.code == 0
    assert told["tenants"] == ["t005"]
    (line,) = told["lines"]
    assert line.startswith(f"- index {index} on shop_order ")
    assert new_migrations(few, "t005") == NEW


def test_a_tenant_without_a_schema_is_named_and_the_others_are_migrated(few: Many) -> None:
    with psycopg.connect(few.url) as connection:
        connection.execute("insert into customers_customer (schema_name, name) values ('no', '')")
    run = few.ours()
    assert run.code == 1
    assert run.of("ended")[0]["failed"] == {"no": "it has no schema in the database"}
    assert len(run.tenants("done")) == FEW + 1


def test_the_plan_counts_tenants_and_changes_nothing(few: Many) -> None:
    before = pg_dump(few.url)
    run = few.ours("plan")
    shared, tenants = run.of("state")
    assert [name for _, name in tenants["pending"]] == NEW
    assert (shared["tenants"], tenants["tenants"]) == (0, FEW + 1)
    assert _same(before, pg_dump(few.url))
