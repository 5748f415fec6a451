"""The rules of saving a database, without one: programs, contents, files, estimates, what stays."""

from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairlead.database.backup.beside import fitted
from fairlead.database.backup.bucket import parted
from fairlead.database.backup.contents import Contents, Wanted, missing, read
from fairlead.database.backup.drill import restore_command, scratch_name
from fairlead.database.backup.dump import dump_command
from fairlead.database.backup.estimate import Expected, expected, progress
from fairlead.database.backup.holdings import Holding, differences, other_counts
from fairlead.database.backup.manifest import DUMP, File, Manifest, digest, files_of, parse
from fairlead.database.backup.manifest import differences as file_differences
from fairlead.database.backup.process import libpq_environ
from fairlead.database.backup.programs import Programs, choose, major_of
from fairlead.database.backup.prove import read_manifest
from fairlead.database.backup.retention import to_remove
from fairlead.database.backup.source import Source, check_locks, locks_to_set
from fairlead.errors import BackupBroken, CannotSave
from fairlead.model import Backup, BackupKind, BackupState
from tests.unit.rows import BACKUP, BEGAN

SOURCE = Source("shop", 16, "16.4", "7", 10**9, 8 * 10**8, 1000, 64, 100, 20, "shop", True)


def test_a_backup_is_told_in_one_line() -> None:
    assert BACKUP.words == "backup 7: dump of shop, 200.0 MB, at /b/shop/dev/20260102T030405Z-7"
    drilled = replace(BACKUP, drilled_at=BEGAN, bytes=None, place="shop_x")
    assert drilled.words == "backup 7: dump of shop, restored and compared, at shop_x"


# -- which programs ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "major"),
    [
        ("pg_dump (PostgreSQL) 16.14", 16),
        ("pg_dump (PostgreSQL) 15.20 (Debian 15.20-0+deb12u1)", 15),
        ("pg_dump (PostgreSQL) 18beta1", 18),
        ("pg_dump: command not found", None),
    ],
)
def test_the_major_version_is_read_from_what_pg_dump_says(said: str, major: int | None) -> None:
    assert major_of(said) == major


@pytest.mark.parametrize(
    ("server", "chosen"), [(14, 15), (15, 15), (16, 16), (17, 18), (18, 18), (19, None)]
)
def test_the_server_s_own_major_is_taken_else_the_next_that_reads_it(
    server: int, chosen: int | None
) -> None:
    found = [Programs(Path(f"/pg/{major}"), major) for major in (18, 15, 16)]
    taken = choose(server, found)
    assert (taken.major if taken else None) == chosen


def test_of_two_of_the_same_major_the_first_is_taken() -> None:
    first, second = Programs(Path("/a"), 16), Programs(Path("/b"), 16)
    assert choose(16, [first, second]) == first


# -- what they are asked -------------------------------------------------------------------------


def test_pg_dump_is_asked_whole() -> None:
    assert dump_command(Programs(Path("/pg/16"), 16), Path("/b/dump"), 4, "00000-1") == [
        "/pg/16/pg_dump",
        "--format=directory",
        "--compress=1",
        "--jobs=4",
        "--snapshot=00000-1",
        "--lock-wait-timeout=60s",
        "--no-password",
        "--file=/b/dump",
    ]


def test_pg_restore_takes_a_name_for_a_name_whatever_is_in_it() -> None:
    command = restore_command(Programs(Path("/pg/16"), 16), Path("/b/dump"), 2, "a b=c")
    assert command == [
        "/pg/16/pg_restore",
        "--exit-on-error",
        "--jobs=2",
        "--no-password",
        "--dbname=dbname='a b=c'",
        "/b/dump",
    ]


def test_the_connection_is_in_the_environment_and_nothing_of_the_inherited_one() -> None:
    made = libpq_environ(
        "postgresql://me:s3cret@db:5433/shop?sslmode=require",
        name="us",
        inherited={"PATH": "/bin", "PGSERVICE": "other", "PGHOST": "elsewhere"},
    )
    assert made == {
        "PATH": "/bin",
        "PGUSER": "me",
        "PGPASSWORD": "s3cret",
        "PGHOST": "db",
        "PGPORT": "5433",
        "PGDATABASE": "shop",
        "PGSSLMODE": "require",
        "PGAPPNAME": "us",
        "LC_ALL": "C.UTF-8",
    }


# -- locks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("relations", "held", "wanted"),
    [(6400, 0, None), (6401, 0, 128), (6380, 20, None), (6381, 20, 128), (17_400, 0, 256)],
)
def test_what_has_to_be_set_is_more_than_what_is_needed(
    relations: int, held: int, wanted: int | None
) -> None:
    source = replace(SOURCE, relations=relations, locks_held=held)
    assert locks_to_set(source) == wanted
    if wanted:
        assert locks_to_set(replace(source, locks_per_transaction=wanted)) is None


def test_too_few_locks_are_refused_with_what_to_set() -> None:
    check_locks("dev", SOURCE)
    with pytest.raises(CannotSave) as caught:
        check_locks("dev", replace(SOURCE, relations=9000))
    assert str(caught.value) == (
        "The database of dev cannot be saved: pg_dump would lock 9000 tables and sequences, and "
        "the server has room for 6400 locks, of which 20 are taken.\n"
        "Set max_locks_per_transaction = 128 there (now 64) and restart it; "
        'or kind = "template", or "command".'
    )


# -- the table of contents -----------------------------------------------------------------------

LISTING = """\
;
; Archive created at 2026-11-25 23:40:12 UTC
;     dbname: a b
;     TOC Entries: 20
;
6; 2615 16385 SCHEMA - s 1 postgres
222; 1259 16397 TABLE public e postgres
224; 1259 16407 TABLE public p postgres
221; 1259 16387 TABLE DATA t x postgres
220; 1259 16386 SEQUENCE s 1 t x_id_seq postgres
2598; 0 0 SEQUENCE OWNED BY s 1 t x_id_seq postgres
2434; 0 0 TABLE ATTACH public p1 postgres
2589; 0 16397 TABLE DATA public e postgres
2588; 0 16387 TABLE DATA DATA t x postgres
2599; 0 0 SEQUENCE SET s 1 t x_id_seq postgres
2438; 2606 16396 CONSTRAINT s 1 t x t x_pkey postgres
"""
WANTED = Wanted(
    "a b",
    {16397: "public.e", 16407: "public.p", 16387: '"DATA"."t x"'},
    {16397: "public.e", 16387: '"DATA"."t x"'},
    {16386: '"s 1"."t x_id_seq"'},
)
FILES = ["toc.dat", "2588.dat.gz", "2589.dat.gz"]


def test_the_contents_are_read_by_number_whatever_the_names_are() -> None:
    assert read(LISTING) == Contents(
        "a b", {16397, 16407, 16387}, {16397, 16387}, {16386}, {2588, 2589}
    )
    assert list(missing(read(LISTING), WANTED, FILES)) == []


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("224; ", "the table public.p is missing"),
        ("2589; ", "the rows of public.e is missing"),
        ("220; ", 'the sequence "s 1"."t x_id_seq" is missing'),
    ],
)
def test_what_is_not_in_the_contents_is_named(line: str, why: str) -> None:
    kept = [one for one in LISTING.splitlines() if not one.startswith(line)]
    assert list(missing(read("\n".join(kept)), WANTED, FILES)) == [why]


def test_a_missing_file_and_another_database_are_named() -> None:
    assert list(missing(read(LISTING), WANTED, FILES[:-1])) == ["the file 2589.dat.gz is missing"]
    other = replace(WANTED, database="shop")
    assert list(missing(read(LISTING), other, FILES)) == [
        'it is of the database "a b", not of "shop"'
    ]


# -- the list of files ---------------------------------------------------------------------------


def dumped(folder: Path) -> Manifest:
    (folder / DUMP / "sub").mkdir(parents=True)
    (folder / DUMP / "toc.dat").write_bytes(b"toc")
    (folder / DUMP / "sub" / "1.dat.gz").write_bytes(b"rows")
    return Manifest(
        {"project": "shop"}, {"database": "x"}, {"tables": 1}, None, files_of(folder / DUMP)
    )


def test_a_manifest_reads_back_as_the_same(tmp_path: Path) -> None:
    manifest = dumped(tmp_path)
    assert parse(manifest.text()) == manifest
    assert manifest.bytes == 7
    assert set(manifest.files) == {"toc.dat", "sub/1.dat.gz"}


def test_every_change_of_a_file_is_named(tmp_path: Path) -> None:
    manifest = dumped(tmp_path)
    assert list(file_differences(manifest.files, files_of(tmp_path / DUMP))) == []
    (tmp_path / DUMP / "toc.dat").write_bytes(b"tac")
    (tmp_path / DUMP / "sub" / "1.dat.gz").write_bytes(b"row")
    (tmp_path / DUMP / "more").write_bytes(b"")
    assert list(file_differences(manifest.files, files_of(tmp_path / DUMP))) == [
        "the file more does not belong to it",
        "the file sub/1.dat.gz has 3 bytes, not 4",
        "the file toc.dat was changed: its SHA-256 is another one",
    ]
    assert list(file_differences({"a": File(1, "x")}, {})) == ["the file a is missing"]


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", '{"files": {"a": 1}}', "\x00"])
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(BackupBroken, match=r"manifest\.json cannot be read"):
        read_manifest(tmp_path, None, "/b")


def test_a_manifest_that_was_changed_is_refused(tmp_path: Path) -> None:
    text = dumped(tmp_path).text()
    (tmp_path / "manifest.json").write_text(text)
    read_manifest(tmp_path, digest(text), "/b")
    with pytest.raises(BackupBroken, match="was changed since it was made"):
        read_manifest(tmp_path, digest(text + " "), "/b")


# -- estimates -----------------------------------------------------------------------------------


def test_the_first_is_estimated_from_the_tables_and_the_others_from_the_last() -> None:
    assert expected(10**9, 8 * 10**8, None) == Expected(4 * 10**8, None)
    twice = expected(2 * 10**9, 16 * 10**8, BACKUP)
    assert twice == Expected(400_000_000, 20.0)
    assert twice.words == "about 400.0 MB, about 20 s"
    assert twice.room == 480_000_000
    assert expected(10**9, 10, replace(BACKUP, database_bytes=0)) == Expected(5, None)


@given(st.integers(0, 10**13), st.floats(0, 10**6), st.integers(0, 10**13))
def test_progress_is_told_of_anything(done: int, elapsed: float, whole: int) -> None:
    assert " of about " in progress(done, elapsed, Expected(whole, None))


def test_progress_says_what_is_left() -> None:
    whole = Expected(206_000_000, None)
    assert progress(103_000_000, 12, whole) == (
        "103.0 MB of about 206.0 MB after 12 s, about 12 s left"
    )
    assert progress(300_000_000, 12, whole) == "300.0 MB of about 206.0 MB after 12 s"


# -- what two databases hold ---------------------------------------------------------------------


def held(**over: Any) -> Holding:
    usual = {
        "wanted": Wanted("x", {1: "public.a"}, {1: "public.a"}, {2: "public.s"}),
        "names": {"public.a": ("public", "a")},
        "sequences": {"public.s": 5},
        "constraints": frozenset({"public.a a_pkey PRIMARY KEY (id)"}),
        "indexes": frozenset({"public.a a_pkey (id) unique"}),
    }
    return Holding(**{**usual, **over})


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({}, []),
        ({"wanted": Wanted("x", {9: "public.a"}, {}, {})}, []),
        ({"wanted": Wanted("x", {}, {}, {})}, ["the table public.a is missing"]),
        (
            {"constraints": frozenset()},
            ["the constraint public.a a_pkey PRIMARY KEY (id) is missing"],
        ),
        (
            {"indexes": frozenset({"public.a a_pkey (id) unique", "i"})},
            ["the index i is there too"],
        ),
        ({"sequences": {"public.s": 4}}, ["the sequence public.s is at 4, not at 5"]),
        ({"sequences": {"public.s": None}}, ["the sequence public.s is at None, not at 5"]),
        ({"sequences": {}}, ["the sequence public.s is missing"]),
    ],
)
def test_what_came_back_otherwise_is_named(over: dict[str, Any], why: list[str]) -> None:
    assert list(differences(held(), held(**over))) == why


def test_a_sequence_may_have_come_as_far_as_it_was_afterwards() -> None:
    later: dict[str, int | None] = {"public.s": 8}
    assert not list(differences(held(), held(sequences={"public.s": 8}), later))
    assert list(differences(held(), held(sequences={"public.s": 9}), later)) == [
        "the sequence public.s is at 9, not at 5"
    ]


def test_tables_with_other_rows_are_named() -> None:
    assert list(other_counts({"a": 1, "b": 2}, {"a": 1, "b": 3})) == ["b has 3 rows, not 2"]


# -- names ---------------------------------------------------------------------------------------


@given(st.text(min_size=1), st.text(alphabet="abc_", max_size=30))
def test_a_name_beside_always_fits(database: str, suffix: str) -> None:
    made = fitted(database, suffix)
    assert len(made.encode()) <= 63
    assert made.endswith(suffix)


def test_names_tell_when_and_of_what_in_utc() -> None:
    east = BEGAN.astimezone(datetime.strptime("+0500", "%z").tzinfo)
    assert replace(BACKUP, started_at=east).stamp == BACKUP.stamp == "20260102T030405"
    assert scratch_name(BACKUP) == "shop_drill_20260102T030405_7"


def test_a_bucket_s_address_is_parted() -> None:
    assert parted("s3://b/db/shop/dev/1") == ("b", "db/shop/dev/1")
    assert parted("s3://b") == ("b", "")


# -- which stay ----------------------------------------------------------------------------------

NOW = BEGAN + timedelta(days=100)


def made(number: int, days: int, **over: Any) -> Backup:
    """One of so many days ago."""
    usual = {"id": number, "release": None, "started_at": NOW - timedelta(days=days)}
    return replace(BACKUP, **{**usual, **over})


def removed(*backups: Backup, **over: Any) -> list[int]:
    given = {"keep": 2, "keep_days": 0, "needed": (), "now": NOW, **over}
    return [one.id for one in to_remove(backups, **given)]


def test_the_newest_stay_and_the_others_go() -> None:
    assert removed(made(4, 1), made(3, 2), made(2, 3), made(1, 4)) == [2, 1]
    assert removed(made(1, 4), made(2, 3), made(4, 1), made(3, 2)) == [2, 1]


def test_what_is_young_stays_however_many_there_are() -> None:
    assert removed(made(4, 1), made(3, 2), made(2, 3), made(1, 40), keep_days=30) == [1]


def test_what_a_release_needs_to_go_back_to_before_it_stays() -> None:
    backups = (made(3, 1), made(2, 2, release=12), made(1, 3, release=11))
    assert removed(*backups, keep=1, needed={12}) == [1]


def test_only_what_counts_is_counted_and_what_a_command_made_is_left() -> None:
    failed = made(5, 1, state=BackupState.FAILED)
    running = made(6, 0, state=BackupState.RUNNING)
    command = made(1, 9, kind=BackupKind.COMMAND)
    assert removed(running, failed, made(4, 2), made(3, 3), made(2, 4), command) == [2]


@given(st.lists(st.integers(0, 50), max_size=12), st.integers(1, 20), st.integers(0, 60))
def test_the_newest_is_never_removed(ages: list[int], keep: int, days: int) -> None:
    backups = [made(number, age) for number, age in enumerate(ages)]
    gone = removed(*backups, keep=keep, keep_days=days)
    assert len(ages) - 1 not in gone
    assert len(backups) - len(gone) >= min(keep, len(backups))
