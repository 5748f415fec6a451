"""What a rehearsal says, and how it times what a migration tells of itself."""

from fairlead.database.refresh.names import is_made, kept_name, made_name, rehearsed_name
from fairlead.database.refresh.rehearsal import Rehearsal, Stopwatch
from fairlead.model import TenantMigration
from fairlead.report.rehearsal import rehearsed

SHA = "5e6f7a8" + "0" * 33
LINES = [
    ("$ python manage.py migrate", 1),
    ("Operations to perform:", 4),
    ("Running migrations:", 0.5),
    ("  Applying app.0002_a... OK", 2),
    ("app.0003_b says something of its own", 1),
    ("  Applying app.0003_b... OK", 3),
    ("$ python manage.py migrate_schemas", 1),
    ("[standard:one] === Running migrations:", 2),
    ("[standard:one]   Applying app.0003_b... OK", 4),
]


def heard() -> Stopwatch:
    now = [0.0]
    clock = Stopwatch(clock=lambda: now[0])
    for line, seconds in LINES:
        now[0] += seconds
        clock.hear(line)
    return clock


def test_a_migration_takes_until_its_line_ends() -> None:
    clock = heard()
    assert clock.migrations == {"app.0002_a": 2, "app.0003_b": 8}
    assert clock.seconds == 18.5


def test_a_migration_that_does_not_end_is_known() -> None:
    clock = Stopwatch()
    clock.hear("  Applying app.0002_a... OK")
    assert clock.at == ""
    clock.hear("  Applying app.0003_b...says something")
    assert clock.at == "app.0003_b"
    clock.hear(" OK")
    assert clock.at == ""
    clock.hear("  Applying app.0004_c...Traceback (most recent call last):")
    clock.hear("django.db.utils.DataError: value too long")
    assert clock.at == "app.0004_c"


def test_where_its_line_was_lost_it_is_the_first_that_is_not_done() -> None:
    clock = Stopwatch(["app.0002_a", "app.0003_b", "app.0004_c"])
    clock.hear("  Applying app.0002_a... OK")
    clock.hear("django.db.utils.DataError: value too long")
    assert clock.at == "app.0003_b"


def test_the_slowest_tenants_come_first() -> None:
    clock = heard()
    clock.keep([TenantMigration("one", "done", 1.5, 1), TenantMigration("two", "failed", 3, 1)])
    clock.keep([TenantMigration("one", "done", 2.5, 2)])
    assert clock.tenants == [("two", 3), ("one", 2.5)]


def rehearsal(**given: object) -> Rehearsal:
    return Rehearsal(environment="dev", sha=SHA, **given)  # type: ignore[arg-type] # a few of them


def test_it_says_in_a_line_how_it_would_go() -> None:
    what = "5e6f7a8, which runs in dev,"
    took = rehearsal(seconds=250, migrations={"app.0002_a": 249.0})
    assert took.words == f"{what} would take 4 min 10 s to migrate this data"
    nothing = rehearsal(seconds=0)
    assert nothing.words == f"{what} has nothing to migrate"
    failed = rehearsal(seconds=12.34, failure="`migrate` ended with exit code 1.", at="app.0002_a")
    assert failed.words == (
        f"{what} would FAIL on this data after 12.3 s, at app.0002_a: "
        "`migrate` ended with exit code 1."
    )
    away = rehearsal(failure="the image is gone")
    assert away.words == f"{what} was not rehearsed: the image is gone"


def test_it_is_kept_as_json() -> None:
    many = [(f"tenant {number}", 9.0 - number) for number in range(7)]
    assert rehearsal(seconds=1.0, tenants=many, tail=("a",)).as_json() == {
        "environment": "dev",
        "sha": SHA,
        "seconds": 1.0,
        "migrations": [],
        "tenants": 7,
        "slowest": [list(one) for one in many[:5]],
        "failure": "",
        "at": "",
        "tail": ["a"],
    }


def test_what_a_kill_leaves_of_it_is_found_by_its_name() -> None:
    for database in ("app", "ü" * 31):
        made = made_name(database, "20260101T000000123")
        copy = rehearsed_name(database, made)
        assert copy != made
        assert len(copy.encode()) <= 63
        assert is_made(copy, database)
        assert is_made(made, database)
        assert not is_made(kept_name(database, "20260101T000000123"), database)
        assert not is_made(copy, f"another {database}")


def test_the_report_shows_the_slowest_and_what_would_fail() -> None:
    made = rehearsal(
        seconds=250.0,
        migrations={"app.0002_a": 1.5, "app.0003_b": 240.0},
        tenants=[("o`ne", 3.0)],
        failure="`migrate` ended with exit code 1.",
        at="app.0003_b",
        tail=["value too long"],
    )
    assert list(rehearsed(made.as_json())) == [
        "## The next release",
        "",
        "| Slowest | Would take |",
        "| --- | --- |",
        r"| app.0003\_b | 4 min 00 s |",
        r"| app.0002\_a | 1.5 s |",
        r"| tenant o\`ne | 3.0 s |",
        "",
        r"It would fail at app.0003\_b:",
        "",
        "```",
        "`migrate` ended with exit code 1.",
        "value too long",
        "```",
        "",
    ]
    assert list(rehearsed(None)) == []
    assert list(rehearsed(rehearsal(seconds=0.0).as_json())) == []
