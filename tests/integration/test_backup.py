"""Saving a database and proving it: real PostgreSQL, real pg_dump, real damage."""

import json
import multiprocessing
import os
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from fairlead.errors import BackupBroken, BackupFailed, CannotSave, FairleadError
from fairlead.model import BackupState
from fairlead.restoring import restore
from tests.bench.saved import (
    FLIPPED,
    LIST_CUT,
    MISSING,
    PROGRAMS,
    TRUNCATED,
    Saved,
    database_on,
    disk,
    other_database,
    save_of,
    wrapped,
)
from tests.bench.tunnel import sshd
from tests.bench.waiting import until


@pytest.mark.parametrize("which", ["saved", "older"])
def test_a_backup_is_proven_and_recorded(which: str, request: pytest.FixtureRequest) -> None:
    saved: Saved = request.getfixturevalue(which)

    backup = saved.save(drill=True)

    assert backup.state is BackupState.PROVEN
    assert saved.all() == [backup]
    manifest = json.loads((Path(backup.place) / "manifest.json").read_text())
    assert manifest["rows"]['"one tenant"."order line"'] == 1000
    assert manifest["holds"]["tables"] == 5
    assert len(saved.databases()) == 1


# -- what was saved and is no good ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (TRUNCATED, "it cannot be read, pg_restore ended with exit code 1"),
        (FLIPPED, "it cannot be read, pg_restore ended with exit code 1"),
        (MISSING, ".dat.gz is missing"),
        (LIST_CUT, "its table of contents cannot be read, pg_restore ended with exit code 1"),
    ],
    ids=["truncated", "bits flipped", "a file is missing", "the table of contents is cut"],
)
def test_a_damaged_backup_counts_for_nothing(saved: Saved, damage: str, why: str) -> None:
    programs = wrapped(saved.folder, pg_dump=damage)

    with pytest.raises(BackupBroken) as caught:
        saved.save(programs=programs)

    assert why in caught.value.message
    assert_nothing_is_left(saved, caught.value)


def test_a_backup_of_the_wrong_database_is_refused_by_name(saved: Saved, newest: str) -> None:
    with database_on(newest) as other:
        name = conninfo_to_dict(other)["dbname"]
        program = other_database(str(name))
        programs = wrapped(saved.folder, before={"pg_dump": program})

        with pytest.raises(BackupBroken) as caught:
            saved.save(programs=programs)

    own = conninfo_to_dict(saved.url)["dbname"]
    assert f'it is of the database "{name}", not of "{own}"' in caught.value.message
    assert_nothing_is_left(saved, caught.value)


def test_a_backup_without_one_of_the_tables_is_refused_by_its_name(saved: Saved) -> None:
    programs = wrapped(
        saved.folder, before={"pg_dump": 'set -- "$@" --exclude-table-data=public.kind'}
    )
    with pytest.raises(BackupBroken, match=r"the rows of public\.kind is missing"):
        saved.save(programs=programs)


def test_the_drill_finds_a_row_that_did_not_come_back(saved: Saved) -> None:
    lost = f'{PROGRAMS}/psql -q "$base" -c \'delete from "one tenant"."order line" where id = 7\''
    programs = wrapped(saved.folder, pg_restore=f'test -z "$base" || {lost}')

    with pytest.raises(BackupBroken) as caught:
        saved.save(programs=programs, drill=True)

    wrong = 'restored, "one tenant"."order line" has 999 rows, not 1000'
    assert wrong in caught.value.message
    assert_nothing_is_left(saved, caught.value)


def test_the_drill_finds_a_constraint_that_is_gone(saved: Saved) -> None:
    lost = f"{PROGRAMS}/psql -q \"$base\" -c 'alter table kind drop constraint kind_name_key'"
    programs = wrapped(saved.folder, pg_restore=f'test -z "$base" || {lost}')

    with pytest.raises(BackupBroken) as caught:
        saved.save(programs=programs, drill=True)

    assert "restored, the constraint public.kind kind_name_key" in caught.value.message
    assert "restored, the index public.kind kind_name_key (name) unique" in caught.value.message


def test_rows_that_are_written_meanwhile_do_not_disturb_the_drill(saved: Saved) -> None:
    psql = f'{PROGRAMS}/psql -q "{saved.url}" -c'
    more = f'{psql} "insert into log select now() from generate_series(1, 9)"'
    nextval = f"{psql} \"select nextval('kind_id_seq') from generate_series(1, 9)\""
    programs = wrapped(saved.folder, before={"pg_dump": f"{more}; {nextval} >&2"})

    assert saved.save(programs=programs, drill=True).state is BackupState.PROVEN
    assert saved.execute("select count(*) from log") == [(109,)]


# -- what cannot be saved ------------------------------------------------------------------------


def test_pg_dump_that_takes_too_long_is_ended_with_its_children(saved: Saved) -> None:
    mark = f"{uuid.uuid4().int % 10**6 + 10**6}"
    programs = wrapped(saved.folder, before={"pg_dump": f"sleep {mark} & sleep {mark}"})

    with pytest.raises(BackupFailed) as caught:
        saved.save(programs=programs, timeout=1)

    assert "pg_dump did not end within 1 s (backup.timeout)" in caught.value.summary
    assert_nothing_is_left(saved, caught.value)
    assert not [one for one in psutil.process_iter(["cmdline"]) if mark in str(one.info["cmdline"])]


def test_a_disk_that_is_too_small_is_seen_beforehand(saved: Saved, small_disk: Path) -> None:
    with pytest.raises(CannotSave) as caught:
        saved.save(place=str(small_disk))

    assert f"the disk of {small_disk}/{saved.project_name}/dev has" in caught.value.message
    assert caught.value.next_step == (
        "Free some disk there, or name another: environments.dev.backup.place"
    )
    assert_nothing_is_left(saved, caught.value, small_disk)


def test_a_disk_that_fills_up_is_named(saved: Saved, tmp_path: Path) -> None:
    saved.execute(
        "create table noise as select (select string_agg(sha512(random()::text::bytea || "
        "(i + j)::text::bytea), ''::bytea) from generate_series(1, 30) j) as noise "
        "from generate_series(1, 3000) i; alter table noise alter noise set storage external"
    )
    with disk(tmp_path / "disk", "5m") as small, pytest.raises(BackupFailed) as caught:
        saved.save(place=str(small))
    assert f"failed: the disk of {small}/{saved.project_name}/dev/" in caught.value.summary
    assert "is full" in caught.value.summary
    assert_nothing_is_left(saved, caught.value, tmp_path / "disk")


def test_a_folder_that_cannot_be_made_is_named(saved: Saved) -> None:
    (saved.folder / "file").write_text("")
    with pytest.raises(CannotSave, match="cannot be written to: Not a directory"):
        saved.save(place=str(saved.folder / "file"))


def test_a_server_that_is_newer_than_every_pg_dump_is_refused(saved: Saved) -> None:
    with pytest.raises(CannotSave) as caught:
        saved.save(programs="/usr/lib/postgresql/15/bin")
    assert str(caught.value) == (
        "The database of dev cannot be saved: PostgreSQL 18 is not read by any pg_dump that is "
        "here (15 in /usr/lib/postgresql/15/bin).\nInstall postgresql-client-18 where Fairlead "
        "runs, or say where it is: environments.dev.backup.programs"
    )


def test_300_tenants_need_more_locks_than_the_default_has(saved: Saved) -> None:
    for tenant in range(300):
        tables = "; ".join(f"create table t{tenant}.t{at} (id serial)" for at in range(15))
        saved.execute(f"create schema t{tenant}; {tables}")

    with pytest.raises(CannotSave) as caught:
        saved.save()

    assert "pg_dump would lock 9007 tables and sequences" in caught.value.message
    assert "Set max_locks_per_transaction = 128 there (now 64)" in caught.value.next_step
    assert_nothing_is_left(saved, caught.value)


# -- other kinds ---------------------------------------------------------------------------------


def test_a_template_is_a_database_beside_that_nobody_can_change(saved: Saved) -> None:
    backup = saved.save(kind="template", drill=True)
    assert backup.place in saved.databases()
    assert backup.bytes
    assert backup.drilled_at
    with pytest.raises(psycopg.OperationalError, match="not currently accepting connections"):
        saved.execute("select 1", backup.place)


def test_a_template_is_refused_where_somebody_is_connected_and_they_are_named(
    saved: Saved,
) -> None:
    with (
        psycopg.connect(saved.url, application_name="gunicorn"),
        pytest.raises(CannotSave) as caught,
    ):
        saved.save(kind="template")
    name = conninfo_to_dict(saved.url)["dbname"]
    assert caught.value.message == (
        'The database of dev cannot be saved: kind = "template" wants nobody connected to '
        f"{name}, and there are 1 of postgres (gunicorn) from its own machine."
    )
    assert "The application's own containers stay connected" in caught.value.next_step
    assert_nothing_is_left(saved, caught.value)


def test_the_last_line_of_a_command_names_the_backup(saved: Saved) -> None:
    script = 'echo working; echo "snap of $FAIRLEAD_DATABASE in $FAIRLEAD_ENVIRONMENT"; echo'
    backup = saved.save(kind="command", command=["sh", "-c", script])
    assert backup.place == f"snap of {backup.database} in dev"
    assert (backup.state, backup.bytes) == (BackupState.PROVEN, None)


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (
            ["sh", "-c", "echo no >&2; exit 3"],
            "sh ended with exit code 3. Its last lines:\n    no\n",
        ),
        (["sh", "-c", "true"], "sh ended well, and its last line names no backup."),
        (["/no/such"], "/no/such cannot be run: No such file or directory."),
        (["sleep", "60"], "sleep did not end in time."),
    ],
)
def test_a_command_that_fails_is_named(saved: Saved, command: list[str], why: str) -> None:
    with pytest.raises(BackupFailed) as caught:
        saved.save(kind="command", command=command, timeout=1)
    assert f"Saving the database of dev failed: {why}" in str(caught.value)
    assert_nothing_is_left(saved, caught.value)


# -- which stay ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["dump", "template"])
def test_only_the_newest_stay(saved: Saved, kind: str) -> None:
    first, second, third = (saved.save(kind=kind, keep=2) for _ in range(3))
    states = {one.id: one.state for one in saved.all()}
    assert states == {
        third.id: BackupState.PROVEN,
        second.id: BackupState.PROVEN,
        first.id: BackupState.REMOVED,
    }
    there = saved.databases() if kind == "template" else list(map(str, saved.places.glob("*")))
    assert first.place not in there
    assert {second.place, third.place} <= set(there)
    assert any(f"backup {first.id} of" in line and "is removed" in line for line in saved.said)


def test_what_cannot_be_removed_is_said_and_fails_nothing(saved: Saved) -> None:
    first = saved.save(keep=1)
    subprocess.run(["chattr", "+i", f"{first.place}/manifest.json"], check=True)
    try:
        assert saved.save().state is BackupState.PROVEN
        assert f"backup {first.id} could not be removed" in saved.said[-1]
    finally:
        subprocess.run(["chattr", "-i", f"{first.place}/manifest.json"], check=True)


# -- after a death -------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["pg_dump", "pg_restore"])
def test_what_a_killed_process_left_is_cleared_by_the_next(
    saved: Saved, where: str, tmp_path: Path
) -> None:
    """Killed while pg_dump runs, which goes on holding its locks, and while the drill restores."""
    hold = f"{PROGRAMS}/psql -c 'select pg_sleep(600)' \"${{base:-}}\""
    wait = f'if [ "{where}" = pg_dump ] || [ -n "$base" ]; then {hold}; fi'
    saved.backup = {"drill": True, "programs": wrapped(tmp_path, before={where: wait})}
    process = multiprocessing.get_context("spawn").Process(target=save_of, args=(saved,))
    process.start()
    until(lambda: sleeping(saved))
    process.kill()
    process.join()
    assert [one.state for one in saved.all()] == [BackupState.RUNNING]
    assert sleeping(saved)
    partial = list(saved.places.iterdir())
    assert [one.name.endswith(".partial") for one in partial] == [True]

    saved.backup = {}
    second = saved.save()

    assert saved.said[0] == (
        "backup 1 was left half-made: the process that made it died; it is removed"
    )
    assert [(one.id, one.state) for one in saved.all()] == [
        (second.id, BackupState.PROVEN),
        (1, BackupState.FAILED),
    ]
    assert list(map(str, saved.places.iterdir())) == [second.place]
    assert len(saved.databases()) == 1
    assert not sleeping(saved)


def sleeping(saved: Saved) -> bool:
    rows = saved.execute("select 1 from pg_stat_activity where query like 'select pg_sleep%'")
    return bool(rows)


# -- the way there -------------------------------------------------------------------------------


def test_a_database_behind_ssh_is_saved_and_restored_through_it(
    older: Saved, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = older.folder / "seen"
    programs = wrapped(
        older.folder, before={"pg_dump": f'echo "$PGHOST:$PGPORT" > {seen}'}, major=15
    )
    with sshd(older.folder) as (address, path):
        monkeypatch.setenv("PATH", f"{path}:{os.environ['PATH']}")
        older.via = address
        backup = older.save(programs=programs, drill=True)
        with older.project() as project:
            restore(project, "dev", backup.id, made_by="t", say=print, agree=print)
    host, _, port = seen.read_text().strip().partition(":")
    assert host == "127.0.0.1"
    assert port != conninfo_to_dict(older.url)["port"]  # that of the tunnel
    assert older.execute("select count(*) from log") == [(100,)]


def test_the_password_is_in_no_command_line(older: Saved) -> None:
    seen = older.folder / "seen"
    programs = wrapped(older.folder, before={"pg_dump": f'echo "$@" > {seen}'}, major=15)
    older.save(programs=programs)
    password = conninfo_to_dict(older.url)["password"]
    assert password
    assert str(password) not in seen.read_text()
    assert "--snapshot=" in seen.read_text()


# -- what the tests share ------------------------------------------------------------------------


def assert_nothing_is_left(saved: Saved, error: FairleadError, place: Path | None = None) -> None:
    """No file, no database; and the row says why."""
    (backup,) = saved.all()
    assert backup.state is BackupState.FAILED
    assert backup.error == str(error)
    root = place or saved.folder / "backups"
    assert [path for path in root.rglob("*") if path.is_file()] == []
    assert len(saved.databases()) == 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with disk(tmp_path / "disk", "64k") as made:
        yield made
