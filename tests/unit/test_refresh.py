"""The pure parts of a refresh: names, requests, what a dead one left, where containers are led."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict
from pydantic import SecretStr

from fairlead.database.backup.beside import stamp_of
from fairlead.database.backup.programs import Programs
from fairlead.database.refresh.aim import aimed
from fairlead.database.refresh.dump import compression, dump_command, gentle
from fairlead.database.refresh.names import is_made, kept_name, made_name
from fairlead.database.refresh.restore import restore_command, wanted
from fairlead.database.refresh.room import Disk, disk_in, needed
from fairlead.engine.target import Target, variables
from fairlead.model import Phase, PhaseName, Refresh, RefreshState, StepOutcome
from fairlead.refresh.left import Left, how_far
from tests.bench.example import aimed as example

THEN = datetime(2026, 1, 2, 3, 4, 5, 678_000, tzinfo=UTC)
PROGRAMS = Programs(Path("/usr/lib/postgresql/16/bin"), 16)


def row(**over: Any) -> Refresh:
    usual: dict[str, Any] = {
        "id": 7,
        "project": "shop",
        "environment": "uat",
        "source": "prod",
        "reads": "database",
        "backup": None,
        "release": 3,
        "state": RefreshState.RUNNING,
        "database": "shop_uat",
        "made": "shop_uat_refreshed_20260102T030405678",
        "kept": "shop_uat_before_refresh_20260102T030405678",
        "requested_by": "bob",
        "requested_via": "schedule",
        "request": None,
        "flow_run": None,
        "started_at": THEN,
        "ended_at": None,
        "undoing_at": None,
        "undone_at": None,
        "undone_by": None,
        "kept_removed_at": None,
        "error": None,
        "figures": {},
    }
    return Refresh(**{**usual, **over})


def phase(name: PhaseName, outcome: StepOutcome | None = StepOutcome.SUCCEEDED) -> Phase:
    return Phase(
        refresh=7,
        name=name,
        started_at=THEN,
        ended_at=THEN if outcome else None,
        outcome=outcome,
        detail="",
        error=None,
        log_tail="",
    )


# -- names -----------------------------------------------------------------------------------------


def test_names_say_when_and_fit_into_what_postgresql_keeps_of_a_name() -> None:
    stamp = stamp_of(THEN)
    assert made_name("shop", stamp) == "shop_refreshed_20260102T030405678"
    assert kept_name("shop", stamp) == "shop_before_refresh_20260102T030405678"
    for name in (made_name("x" * 63, stamp), kept_name("ä" * 31, stamp)):
        assert len(name.encode()) <= 63
        assert name.endswith(stamp)


@pytest.mark.parametrize("database", ["shop", "x" * 63, "ä" * 31, "shop_refreshed_1"])
def test_what_was_made_is_known_by_its_name(database: str) -> None:
    assert is_made(made_name(database, stamp_of(THEN)), database)


@pytest.mark.parametrize(
    "name",
    [
        "shop",
        "shop_refreshed_",
        "shop_refreshed_yesterday",
        "shop_refreshed_20260102T030405",
        "shop_before_refresh_20260102T030405678",
        "shop2_refreshed_20260102T030405678",
        "other_refreshed_20260102T030405678",
    ],
)
def test_nothing_else_is_taken_for_it(name: str) -> None:
    assert not is_made(name, "shop")


# -- what a dead one left --------------------------------------------------------------------------


@pytest.mark.parametrize("phases", [[], [phase(PhaseName.MASK)], [phase(PhaseName.SWAP, None)]])
def test_before_the_renames_are_committed_nothing_has_changed(phases: list[Phase]) -> None:
    assert how_far(row(), phases, {"shop_uat", row().made}) is Left.BESIDE


def test_after_them_the_new_data_is_in_place() -> None:
    phases = [phase(PhaseName.SWAP, None)]
    assert how_far(row(), phases, {"shop_uat", row().kept}) is Left.SWAPPED


def test_what_was_to_be_put_back_is_put_back() -> None:
    phases = [phase(PhaseName.CHECK_HEALTH, StepOutcome.FAILED), phase(PhaseName.PUT_BACK, None)]
    assert how_far(row(), phases, {"shop_uat", row().kept}) is Left.BEING_PUT_BACK
    assert how_far(row(), phases, {"shop_uat", row().made}) is Left.BESIDE


# -- requests --------------------------------------------------------------------------------------


def test_a_dump_is_compressed_only_where_there_is_not_room_for_much_more() -> None:
    assert compression(database_bytes=100, free=300) == 0
    assert compression(database_bytes=100, free=299) == 1


def test_pg_dump_takes_neither_roles_nor_what_hangs_on_them() -> None:
    command = dump_command(
        PROGRAMS,
        Path("/w/dump"),
        4,
        compress=1,
        large_objects=False,
        selected=['--exclude-schema="x"'],
    )
    assert command == [
        "/usr/lib/postgresql/16/bin/pg_dump",
        "--format=directory",
        "--compress=1",
        "--jobs=4",
        "--no-sync",
        "--lock-wait-timeout=5s",
        "--no-owner",
        "--no-privileges",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        "--no-tablespaces",
        "--no-blobs",
        '--exclude-schema="x"',
        "--no-password",
        "--file=/w/dump",
    ]
    with_them = dump_command(PROGRAMS, Path("/w"), 1, compress=0, large_objects=True, selected=[])
    assert "--no-blobs" not in with_them


def test_what_reads_cannot_write_whatever_the_url_says() -> None:
    fields = conninfo_to_dict(gentle("postgresql://u:p@h/d?options=-c%20work_mem%3D1MB"))
    assert fields["options"] == (
        "-c work_mem=1MB -c default_transaction_read_only=on "
        "-c idle_in_transaction_session_timeout=0"
    )


def test_pg_restore_makes_it_for_the_role_that_owns_the_tables() -> None:
    command = restore_command(
        PROGRAMS, Path("/w/dump"), "data", 4, selected=["--use-list=/w/c"], database="n=1", role="r"
    )
    assert command == [
        "/usr/lib/postgresql/16/bin/pg_restore",
        "--exit-on-error",
        "--section=data",
        "--jobs=4",
        "--use-list=/w/c",
        "--no-owner",
        "--no-privileges",
        "--no-security-labels",
        "--no-tablespaces",
        "--role=r",
        "--no-password",
        "--dbname=dbname=n=1",
        "/w/dump",
    ]
    before = restore_command(
        PROGRAMS, Path("/w"), "pre-data", 4, selected=[], database="n", role="r"
    )
    assert "--jobs=1" in before


def test_credentials_for_other_servers_stay_in_production() -> None:
    listing = (
        ";\n; Archive\n;\n"
        "12; 1259 16400 TABLE public USER MAPPING bob\n"
        "13; 1417 16500 USER MAPPING - USER MAPPING bob SERVER far bob\n"
        "14; 3466 16501 EVENT TRIGGER - stop bob\n"
        "15; 6100 16502 SUBSCRIPTION - sub bob\n"
        "16; 0 16400 TABLE DATA public item bob\n"
    )
    assert wanted(listing) == (
        ";\n; Archive\n;\n"
        "12; 1259 16400 TABLE public USER MAPPING bob\n"
        ";13; 1417 16500 USER MAPPING - USER MAPPING bob SERVER far bob\n"
        ";14; 3466 16501 EVENT TRIGGER - stop bob\n"
        ";15; 6100 16502 SUBSCRIPTION - sub bob\n"
        "16; 0 16400 TABLE DATA public item bob\n"
    )


@pytest.mark.parametrize(
    ("lines", "disk"),
    [
        (
            [
                "Filesystem     1024-blocks      Used Available Capacity Mounted on",
                "overlay          263174212 100000000     12345      40% /",
            ],
            Disk(263174212 * 1024, 12345 * 1024, "/"),
        ),
        (["/dev/sdb1 100 50 50 50% /srv/my disk"], Disk(102400, 51200, "/srv/my disk")),
        (["df: .: No such file or directory"], None),
        (["overlay a b - c d"], None),
        ([], None),
    ],
)
def test_what_df_says_is_read(lines: list[str], disk: Disk | None) -> None:
    assert disk_in(lines) == disk


def test_a_twentieth_of_the_disk_stays_free_and_no_more_than_a_gibibyte() -> None:
    assert Disk(1000, 60, "/").spare == 10
    assert Disk(100 << 40, 2 << 30, "/").spare == 1 << 30


def test_what_is_there_twice_for_a_time_needs_room_twice() -> None:
    assert needed(1000, 500) == 1800


# -- where containers are led ----------------------------------------------------------------------


def led(url: str, old: str = "shop_uat", **env: str) -> dict[str, str] | None:
    target = example(services={"backend": {"env": env}})
    given = Target(
        target.config,
        target.environment,
        target.sha,
        target.origin,
        target.images,
        {"DATABASE_URL": SecretStr(url)},
    )
    found = aimed(given, "backend", old, "n w")
    return variables(found, found.config.services["backend"]) if found else None


@pytest.mark.parametrize(
    ("url", "to"),
    [
        ("postgresql://u:p%40@db:5432/shop_uat", "postgresql://u:p%40@db:5432/n%20w"),
        ("postgis://u:p@db/shop_uat?sslmode=require", "postgis://u:p@db/n%20w?sslmode=require"),
        ("postgresql+psycopg://u@db/shop%5Fuat", "postgresql+psycopg://u@db/n%20w"),
        ("host=db dbname=shop_uat user=u", "host=db dbname='n w' user=u"),
    ],
)
def test_containers_are_led_to_the_new_database_by_their_url(url: str, to: str) -> None:
    found = led(url)
    assert found is not None
    if "host=" in to:
        assert conninfo_to_dict(found["DATABASE_URL"]) == conninfo_to_dict(to)
    else:
        assert found["DATABASE_URL"] == to
    assert found["LEVEL"] == "debug"


def test_variables_that_hold_the_name_alone_are_changed_and_those_of_users_are_not() -> None:
    found = led(
        "postgresql://u:p@db/other", PGDATABASE="shop_uat", DB_NAME="shop_uat", DB_USER="shop_uat",
        MODE="shop_uat",
    )  # fmt: skip
    assert found is not None
    assert (found["PGDATABASE"], found["DB_NAME"]) == ("n w", "n w")
    assert (found["DB_USER"], found["MODE"]) == ("shop_uat", "shop_uat")
    assert found["DATABASE_URL"] == "postgresql://u:p@db/other"


@pytest.mark.parametrize("url", ["postgresql://u:p@db/other", "redis://cache/0", "not a [url"])
def test_where_nothing_names_the_database_nobody_is_led_anywhere(url: str) -> None:
    assert led(url) is None
