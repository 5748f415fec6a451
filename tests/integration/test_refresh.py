"""UAT gets production's data, masked, and nobody notices the swap; what fails leaves it alone."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from examples.stand.postgres import Postgres
from fairlead.model import PhaseName, Refresh, RefreshState, StepOutcome
from tests.bench.bench import Bench, free_port
from tests.bench.dying import FlowProcess, until, watch
from tests.bench.refreshed import PRIVATE, RULES, Refreshed, is_good, refreshed, unchanged, whole
from tests.bench.saved import FULL, disk, wrapped

OPTIONS = """
select oid::regclass::text, reloptions from pg_class
where relkind = 'r' and oid >= 16384 and relname <> 'environment' order by 1
"""


@pytest.fixture
def uat(bench: Bench, postgres: Postgres) -> Iterator[Refreshed]:
    with refreshed(bench, postgres) as made:
        yield made


def test_uat_has_production_s_rows_masked_and_its_own_database_beside(uat: Refreshed) -> None:
    row = uat.refresh()

    is_good(row)
    assert uat.run(uat.uat, "select count(*) from customer") == [(500,)]
    seen = whole(uat, uat.uat)
    assert not [word for word in PRIVATE if word in seen]
    assert uat.run(uat.uat, "select id, mail from two.person") == [(2, None)]
    kept = row.kept.removeprefix(uat.database)
    assert uat.databases() == [kept]
    assert uat.names(uat.uat.replace(uat.database, row.kept)) == {"yesterday"}
    assert "Real Name 1" in uat.names(uat.prod)
    assert uat.run(uat.uat, OPTIONS) == uat.run(uat.prod, OPTIONS)
    assert not list((uat.bench.folder / "home" / "refresh").rglob("*.dat*"))


def test_what_it_did_is_told_wherever_people_look(uat: Refreshed) -> None:
    row = uat.refresh()

    is_good(row)
    figures = row.figures
    assert (figures["masked_columns"], figures["tables"], figures["tenants"]) == (5, 4, 0)
    assert figures["migrated"] == ["app.v1"]
    assert figures["swap_ms"] >= 0
    assert figures["values_compared"] > 500
    assert [phase.name for phase in uat.phases(row.id)] == [
        name for name in PhaseName if name is not PhaseName.PUT_BACK
    ]
    (listed,) = uat.bench.fairlead_json("refresh", "history", "uat")
    assert (listed["id"], listed["state"], listed["kept"]) == (row.id, "refreshed", row.kept)
    shown = uat.bench.fairlead("refresh", "show", str(row.id)).stdout
    assert "masked                  5 columns of 4 tables" in shown
    assert f"what it had before      {row.kept}" in shown
    assert "swap" in shown
    missing = uat.bench.fairlead("refresh", "show", "999", code=2)
    assert "The store knows no refresh 999." in missing.stderr


def test_prefect_s_page_of_the_run_has_its_report(uat: Refreshed) -> None:
    row = uat.refresh()
    is_good(row)
    found = artifacts(uat, row)
    assert set(found) == {"refresh-uat"}
    assert found["refresh-uat"]["description"] == f"✔ refresh {row.id} of uat from prod succeeded"
    report = found["refresh-uat"]["data"]
    assert report.startswith(f"# ✔ Refresh {row.id}: {uat.bench.project} uat from prod succeeded")
    assert "- Masked: 5 columns of 4 tables" in report
    assert "Real" not in report


def artifacts(uat: Refreshed, row: Refresh) -> dict[str, dict[str, Any]]:
    """Of the run, by key."""
    wanted = {"flow_runs": {"id": {"any_": [row.flow_run]}}}
    place = f"{uat.bench.environ['PREFECT_API_URL']}/artifacts/filter"
    answer = httpx.post(place, json=wanted, trust_env=False)
    return {str(one["key"]): one for one in answer.json()}


def test_failures_are_told_and_the_first_that_is_good_after_one(uat: Refreshed) -> None:
    slack = {"channel": "#uat", "token": "env:SLACK_TOKEN", "api": "http://127.0.0.1:1/"}
    told = {"environments": {"uat": {"notify": {"slack": slack}}}}
    uat.bench.environ["SLACK_TOKEN"] = "planted-slack-token"
    uat.configure(**told)
    first = uat.refresh()
    uat.configure(rules={**RULES, "item.note": None}, **told)
    bad = uat.refresh()
    uat.configure(**told)
    again, quiet = uat.refresh(), uat.refresh()
    assert said(uat, first) == said(uat, quiet) == []
    (failure,) = said(uat, bad)
    assert failure.endswith("uat: not refreshed from prod, nothing was touched")
    (recovered,) = said(uat, again)
    assert recovered.endswith("uat: it is refreshed from prod again")


def said(uat: Refreshed, row: Refresh) -> list[str]:
    subject = f"refresh {row.id}"
    found = uat.bench.read(lambda store: store.outbox.of(uat.bench.project, subject))
    return [one.message.body["text"] for one in found]


def test_the_command_starts_it_and_follows_it(uat: Refreshed) -> None:
    done = uat.bench.fairlead("refresh", "uat", "--from", "prod", "--in-process", timeout=300)
    assert "succeeded  prove" in done.stdout
    assert "uat from prod: refreshed" in done.stdout
    assert not uat.has_yesterday()
    refused = uat.bench.fairlead("refresh", "uat", "--from", "uat", code=3)
    assert "uat is not refreshed: it is refreshed from prod, not from uat." in refused.stderr
    never = uat.bench.fairlead("refresh", "prod", code=3)
    assert "the config does not say with whose data" in never.stderr
    rules = uat.bench.fairlead("refresh", "rules", "uat", "--from", "prod")
    assert "# Every column of prod has a rule that it can have." in rules.stdout


def test_owner_rights_and_settings_of_the_database_are_as_they_were(uat: Refreshed) -> None:
    name, role = sql.Identifier(uat.database), sql.Identifier(f"reader_{uat.database}")
    with psycopg.connect(uat.prod, autocommit=True) as connection:
        for statement in (
            "create role {role}",
            "revoke connect on database {name} from public",
            "grant connect on database {name} to {role}",
            "alter database {name} set timezone to 'Asia/Tokyo'",
            "alter database {name} connection limit 33",
        ):
            connection.execute(sql.SQL(statement).format(name=name, role=role))
        with psycopg.connect(uat.uat, autocommit=True) as there:
            for statement in (
                "grant usage on schema one to {role}",
                "grant select on one.person to {role}",
                "grant usage on sequence item_id_seq to {role} with grant option",
                "create table of_uat_only ()",
                "grant select on of_uat_only to {role}",
                "alter default privileges grant insert on tables to {role}",
            ):
                there.execute(sql.SQL(statement).format(role=role))
        try:
            before, rights = belongings(uat), given(uat)
            assert len(rights) == 5
            is_good(uat.refresh())
            assert belongings(uat) == before
            assert given(uat) == [one for one in rights if one[0] != "of_uat_only"]
            assert uat.run(uat.uat, "show timezone") == [("Asia/Tokyo",)]
        finally:
            for beside in ("", *uat.databases()):
                url = uat.uat.replace(uat.database, f"{uat.database}{beside}")
                with psycopg.connect(url, autocommit=True) as there:
                    there.execute(sql.SQL("drop owned by {role}").format(role=role))
            connection.execute(sql.SQL("drop role {role}").format(role=role))


def belongings(uat: Refreshed) -> Any:
    return uat.run(
        uat.prod,
        f"select datdba, {in_order('datacl')}, datconnlimit, (select setconfig from "
        "pg_db_role_setting where setdatabase = d.oid) from pg_database d "
        f"where datname = '{uat.database}'",
    )


def given(uat: Refreshed) -> list[tuple[Any, ...]]:
    """What somebody has who does not own it; the mark's aside."""
    return uat.run(
        uat.uat,
        f"select relname::text, {in_order('relacl')} from pg_class where relacl is not null and "
        "relnamespace >= 16384 and relnamespace <> 'fairlead_mark'::regnamespace or "
        f"relname in ('of_uat_only', 'item_id_seq') union all select nspname::text, "
        f"{in_order('nspacl')} from pg_namespace where nspname = 'one' union all "
        f"select defaclobjtype::text, {in_order('defaclacl')} from pg_default_acl order by 1",
    )


def in_order(rights: str) -> str:
    return f"array(select unnest({rights})::text order by 1)"


def test_undo_gives_the_data_of_before_once(uat: Refreshed) -> None:
    row = uat.refresh()
    done = uat.bench.fairlead("refresh", "undo", "uat", "--yes")
    assert f"uat has the data again that it had before refresh {row.id}." in done.stdout
    assert uat.has_yesterday()
    after = uat.get(row.id)
    assert after.state is RefreshState.UNDONE
    assert uat.databases() == [row.made.removeprefix(uat.database)]
    again = uat.bench.fairlead("refresh", "undo", "uat", "--yes", code=3)
    assert f"there is nothing to undo: refresh {row.id} is undone already" in again.stderr
    second = uat.refresh()
    is_good(second)
    assert uat.databases() == [second.kept.removeprefix(uat.database)]


def test_undo_is_refused_once_something_was_released_unless_it_is_meant(uat: Refreshed) -> None:
    row = uat.refresh()
    uat.release("v2")
    refused = uat.bench.fairlead("refresh", "undo", "uat", "--yes", code=3)
    assert f"was made since, and {row.kept} is as it was before" in refused.stderr
    assert not uat.has_yesterday()
    uat.bench.fairlead("refresh", "undo", "uat", "--yes", "--force")
    assert uat.has_yesterday()


def test_what_uat_had_is_removed_by_the_next_refresh_once_its_time_is_over(uat: Refreshed) -> None:
    first = uat.refresh()
    second = uat.refresh()
    assert len(uat.databases()) == 2
    uat.configure(refresh={"keep_days": 0})
    third = uat.refresh()
    assert uat.databases() == [third.kept.removeprefix(uat.database)]
    assert uat.get(first.id).kept_removed_at is not None
    assert uat.get(second.id).kept_removed_at is not None
    assert uat.get(third.id).kept_removed_at is None


def test_the_same_request_is_served_once(uat: Refreshed) -> None:
    asked = {"environment": "uat", "request_id": "the-same"}
    assert uat.bench.flow("refresh", **asked) == 0
    assert uat.bench.flow("refresh", **asked) == 0
    assert len(uat.bench.fairlead_json("refresh", "history", "uat")) == 1


# -- what is refused or fails ----------------------------------------------------------------------


def test_a_column_that_came_yesterday_stops_it_and_is_listed(uat: Refreshed) -> None:
    uat.run(uat.prod, "alter table customer add second text default 'real@real.example'")
    row = uat.refresh()
    unchanged(
        uat,
        row,
        RefreshState.REFUSED,
        "has 1 column without a rule: nothing of it leaves.",
        '"customer.second" = { hash = "email" }',
    )
    uat.configure(rules={**RULES, "customer.second": {"hash": "email"}})
    is_good(uat.refresh())
    assert uat.run(uat.uat, "select count(*) from customer where second ~ 'real'") == [(0,)]


def test_a_target_that_is_production_is_refused(uat: Refreshed) -> None:
    uat.bench.environ["UAT_URL"] = uat.bench.environ["PROD_URL"]
    row = uat.refresh()
    assert row.state is RefreshState.REFUSED
    assert row.error is not None
    assert "of the same server" in row.error
    assert "Real Name 1" in uat.names(uat.prod)


def test_a_target_without_its_mark_is_refused(uat: Refreshed) -> None:
    uat.run(uat.uat, "drop schema fairlead_mark cascade")
    unchanged(uat, uat.refresh(), RefreshState.REFUSED, "fairlead refresh mark uat")


def test_production_that_is_away_is_told(uat: Refreshed) -> None:
    good, port = uat.bench.environ["PROD_URL"], free_port()
    uat.bench.environ["PROD_URL"] = f"postgresql://x:planted-s3cret@127.0.0.1:{port}/prod"
    row = uat.refresh()
    unchanged(uat, row, RefreshState.REFUSED, f"The database of prod at 127.0.0.1:{port}/prod")
    assert "planted-s3cret" not in str(row)
    uat.bench.environ["PROD_URL"] = good
    is_good(uat.refresh())


def test_production_that_goes_away_in_the_middle_fails_it(uat: Refreshed, tmp_path: Path) -> None:
    away = {"pg_dump": "echo 'server closed the connection unexpectedly' >&2; exit 1"}
    programs = wrapped(tmp_path, before=away, major=15)
    uat.configure(environments={"uat": {"backup": {"kind": "none", "programs": programs}}})
    row = uat.refresh()
    unchanged(uat, row, RefreshState.FAILED, "pg_dump ended with exit code 1", "server closed")


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_full_disk_stops_it(uat: Refreshed, tmp_path: Path, when: str) -> None:
    size = {"before": "100k", "meanwhile": "8m"}[when]
    programs = wrapped(tmp_path, before={"pg_dump": FULL} if when == "meanwhile" else {}, major=15)
    uat.configure(environments={"uat": {"backup": {"kind": "none", "programs": programs}}})
    with disk(tmp_path / "small", size) as small:
        uat.bench.environ["FAIRLEAD_HOME"] = str(small)
        row = uat.refresh()
        left = [path for path in small.rglob("*") if path.is_file()]
    uat.bench.environ["FAIRLEAD_HOME"] = str(uat.bench.folder / "home")
    assert left == []
    why = {"before": " free, and the dump will take about ", "meanwhile": " is full"}[when]
    state = RefreshState.REFUSED if when == "before" else RefreshState.FAILED
    unchanged(uat, row, state, f"the disk of {small}", why)


def test_whoever_waits_for_the_dump_goes_first(uat: Refreshed) -> None:
    """A migration of production, which wants a table for itself."""
    uat.run(uat.prod, "insert into item (note) select md5(n::text) from generate_series(1, 2e5) n")
    uat.configure(refresh={"rate_mb": 1})
    with uat.flow() as flow:
        until(lambda: dumps(uat) or ended(flow), "a connection of pg_dump's copies it", 180)
        began = time.monotonic()
        uat.run(uat.prod, "alter table item add later int")
        waited = time.monotonic() - began
        flow.ended()
        row = uat.row(flow)
    unchanged(uat, row, RefreshState.FAILED, "somebody waits for a lock", "prod goes first")
    assert waited < 60


def test_a_table_that_production_has_locked_is_not_waited_for_long(uat: Refreshed) -> None:
    with psycopg.connect(uat.prod) as connection:
        connection.execute("lock table item in access exclusive mode")
        began = time.monotonic()
        row = uat.refresh()
        waited = time.monotonic() - began
    unchanged(uat, row, RefreshState.REFUSED, "somebody keeps a table of prod locked")
    assert waited < 30


def test_a_night_that_takes_too_long_ends(uat: Refreshed) -> None:
    uat.run(uat.prod, "insert into item (note) select md5(n::text) from generate_series(1, 2e5) n")
    uat.configure(refresh={"rate_mb": 0.5, "timeout": 5})
    row = uat.refresh()
    unchanged(uat, row, RefreshState.FAILED, "pg_dump did not end in time (refresh.timeout)")


def ended(flow: FlowProcess) -> bool:
    assert flow.alive(), f"it has ended by itself:\n{flow.output()}"
    return False


def dumps(uat: Refreshed) -> bool:
    """The first holds the lock for all; whoever copies it takes it with NOWAIT, as pg_dump does."""
    rows = uat.run(
        uat.prod,
        "select 1 from pg_locks l join pg_stat_activity a using (pid) where l.relation = "
        "'item'::regclass and l.granted and a.application_name ~ '^fairlead refresh'",
    )
    return len(rows) > 1


def test_masks_that_do_not_hold_leave_uat_alone(uat: Refreshed) -> None:
    uat.configure(rules={**RULES, "customer.email": {"sql": "'x' || id % 2"}})
    row = uat.refresh()
    unchanged(uat, row, RefreshState.FAILED, "pg_restore ended with exit code 1", "customer_email")
    (built,) = [one for one in uat.phases(row.id) if one.name is PhaseName.BUILD_KEYS]
    assert built.outcome is StepOutcome.FAILED


def test_a_release_that_is_running_is_not_disturbed(uat: Refreshed) -> None:
    from fairlead.lease import hold
    from tests.bench.dying import opened

    with opened(uat.bench) as project, hold(project.store, uat.bench.project, "uat", ttl=30):
        row = uat.refresh()
    unchanged(uat, row, RefreshState.REFUSED, "uat is being changed by another run")


# -- the swap --------------------------------------------------------------------------------------


@dataclass
class Reader:
    """Somebody who reads all the time, and connects again when the connection has ended."""

    url: str
    seen: list[str] = field(default_factory=list)
    away: list[float] = field(default_factory=list)
    _end: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        last = time.monotonic()
        connection: psycopg.Connection[Any] | None = None
        while not self._end.wait(0.002):
            try:
                connection = connection or psycopg.connect(self.url, autocommit=True)
                rows = connection.execute("select name from customer limit 1").fetchall()
            except psycopg.Error:
                connection = None
                continue
            self.away.append(time.monotonic() - last)
            last = time.monotonic()
            self.seen += [str(row[0]) for row in rows]
        if connection is not None:
            connection.close()

    def stop(self) -> None:
        self._end.set()


@contextmanager
def reading(url: str) -> Iterator[Reader]:
    reader = Reader(url)
    thread = threading.Thread(target=reader.run, daemon=True)
    thread.start()
    try:
        yield reader
    finally:
        reader.stop()
        thread.join()


def test_a_steady_reader_sees_yesterday_s_rows_and_then_the_new_ones(uat: Refreshed) -> None:
    with reading(uat.uat) as reader:
        until(lambda: reader.seen, "the reader reads")
        row = uat.refresh()
        is_good(row)
        until(lambda: reader.seen[-1] != "yesterday", "the reader sees the new rows")
    new = reader.seen[reader.seen.index(next(one for one in reader.seen if one != "yesterday")) :]
    assert "yesterday" not in new
    assert not [name for name in new if name.startswith("Real")]
    print(f"away for {max(reader.away) * 1000:.0f} ms; the swap took {row.figures['swap_ms']} ms")
    assert row.figures["swap_ms"] < 5000


def test_services_are_restarted_one_container_after_the_other(uat: Refreshed) -> None:
    twice = {"services": {"web": {"replicas": 2, "secrets": ["APP_KEY", "DATABASE_URL"]}}}
    uat.configure(refresh={"restart": ["web"]}, **twice)
    uat.release("v2")
    before = started(uat)
    with watch(uat.bench) as users:
        row = uat.refresh()
        answers = users.stop()
    is_good(row)
    (checked,) = [one for one in uat.phases(row.id) if one.name is PhaseName.CHECK_HEALTH]
    assert checked.detail.startswith("web restarted; ")
    after = started(uat)
    assert after.keys() == before.keys()
    assert not set(after.values()) & set(before.values())
    assert answers == ["v2"]


def started(uat: Refreshed) -> dict[str, str]:
    """When each of its containers was."""
    engine = uat.bench.engine
    found = [engine.containers.get(name) for name in uat.bench.containers(state="running")]
    return {str(one.name): str(one.attrs["State"]["StartedAt"]) for one in found}


# -- what it takes ---------------------------------------------------------------------------------


def test_a_backup_is_read_in_the_place_of_the_database(uat: Refreshed) -> None:
    place = {"place": str(uat.bench.folder / "backups")}
    uat.configure(refresh={"read": "backup"}, environments={"prod": {"backup": place}})
    refused = uat.refresh()
    unchanged(uat, refused, RefreshState.REFUSED, "there is no proven dump of prod")
    uat.bench.fairlead("backup", "prod")
    uat.run(uat.prod, "delete from item")
    row = uat.refresh()
    is_good(row)
    assert row.backup is not None
    assert uat.run(uat.uat, "select count(*) from item") == [(500,)]
    assert not [word for word in PRIVATE if word in whole(uat, uat.uat)]
    assert list((uat.bench.folder / "backups").rglob("*.gz"))


def test_rows_that_are_left_out_and_rows_of_its_own(uat: Refreshed) -> None:
    carry = [{"table": "customer", "where": "name = 'yesterday'"}]
    uat.configure(refresh={"leave_out": ["item"], "carry": carry})
    row = uat.refresh()
    is_good(row)
    assert uat.run(uat.uat, "select count(*) from item") == [(0,)]
    assert uat.run(uat.uat, "select name from customer where id = 1") == [("yesterday",)]
    assert uat.run(uat.uat, "select count(*) from customer") == [(500,)]
    assert row.figures["carried"] == "1 rows of 1 tables"
