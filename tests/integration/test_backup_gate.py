"""A release saves the database before it migrates it, and goes no further where that fails."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from psycopg.conninfo import conninfo_to_dict

from examples.stand.postgres import Postgres
from fairlead.model import BackupState, Release, ReleaseState, StepName, StepOutcome
from fairlead.report import release_report, story_of
from tests.bench.bench import Bench
from tests.bench.s3 import BUCKET, KEYS, bucket
from tests.bench.saved import FULL, TRUNCATED, database_on, disk, other_database, wrapped


@pytest.fixture
def database(bench: Bench, postgres: Postgres) -> Iterator[str]:
    """The one of dev, which `bench` saves from now on; its URL."""
    with database_on(postgres.url()) as url:
        fields = conninfo_to_dict(url)
        own = f"postgresql://postgres:{fields['password']}@{fields['host']}:{fields['port']}"
        bench.environ |= {"APP_DB": f"{own}/{fields['dbname']}", **KEYS}
        saves(bench)
        yield url


def saves(bench: Bench, **over: Any) -> None:
    backup = {"place": str(bench.folder / "backups"), **over}
    given = {key: value for key, value in backup.items() if value is not None}
    usual = {"database": {"url": "env:APP_DB"}, "backup": given}
    bench.configure(environments={"dev": usual})


def outcomes(bench: Bench, release: Release) -> dict[StepName, StepOutcome | None]:
    return {step.name: step.outcome for step in bench.steps(release.id)}


def test_the_backup_of_a_release_is_told_wherever_the_release_is(
    bench: Bench, database: str
) -> None:
    release = bench.release(bench.push("v1"))

    assert release.state is ReleaseState.SUCCEEDED, release.error
    backup = bench.read(lambda store: store.backups.of_release(release.id))
    assert (backup.state, backup.made_by) == (BackupState.PROVEN, "tester")
    names = [step.name for step in bench.steps(release.id)]
    at = names.index(StepName.BACKUP_DATABASE)
    assert names[at - 1 : at + 2] == [
        StepName.PULL_IMAGES,
        StepName.BACKUP_DATABASE,
        StepName.MIGRATE,
    ]
    assert bench.steps(release.id)[at].detail == backup.words
    assert f"saved before  {backup.words}, in " in bench.fairlead("show", str(release.id)).stdout
    assert bench.fairlead_json("show", str(release.id))["backup"]["id"] == backup.id
    with bench.acting():
        from fairlead.project import Project

        project = Project.open(bench.folder / "fairlead.toml", bench.environ)
        report = release_report(story_of(project, release))
        project.close()
    assert f"- Saved before: backup {backup.id}\\: dump of app\\_" in report
    (listed,) = bench.fairlead_json("backups", "dev")
    assert (listed["id"], listed["release"], listed["place"]) == (
        backup.id,
        release.id,
        backup.place,
    )


@pytest.mark.parametrize(
    ("over", "why"),
    [
        ({"backup": {"kind": "none"}}, 'backup.kind of dev is "none": the database is not saved'),
        ({"preset": "none"}, "nothing is pending: no backup"),
    ],
)
def test_where_nothing_is_saved_the_step_says_why(
    bench: Bench, database: str, over: dict[str, Any], why: str
) -> None:
    if "preset" in over:
        bench.configure(
            migrations={"preset": "none", "commands": None},
            environments={"dev": {"database": {"url": "env:APP_DB"}}},
        )
    else:
        saves(bench, place=None, **over["backup"])
    release = bench.release(bench.push("v1"))
    assert release.state is ReleaseState.SUCCEEDED
    (step,) = [one for one in bench.steps(release.id) if one.name is StepName.BACKUP_DATABASE]
    assert (step.outcome, step.detail) == (StepOutcome.SKIPPED, why)
    assert bench.fairlead_json("backups", "dev") == []


@pytest.mark.parametrize(
    ("what", "ends", "why"),
    [
        (
            "truncated",
            ReleaseState.FAILED,
            "is no good: it cannot be read, pg_restore ended with exit code 1",
        ),
        (
            "wrong database",
            ReleaseState.FAILED,
            'is no good: it is of the database "postgres", not of "app_',
        ),
        ("full disk", ReleaseState.FAILED, "failed: the disk of "),
        ("bucket that refuses", ReleaseState.REFUSED, "refuses: HTTP 403."),
    ],
)
def test_what_cannot_be_saved_is_not_migrated(
    bench: Bench, database: str, what: str, ends: ReleaseState, why: str
) -> None:
    saves(bench, kind="none", place=None)
    bench.release(bench.push("v1"))
    with broken(bench, what):
        release = bench.release(bench.push("v2"))

    assert release.state is ends
    assert release.error
    assert why in release.error
    assert list(outcomes(bench, release))[-1] is StepName.BACKUP_DATABASE
    assert outcomes(bench, release)[StepName.BACKUP_DATABASE] is StepOutcome.FAILED
    assert bench.serves() == "v1"
    (backup,) = bench.read(lambda store: store.backups.all(bench.project, "dev"))
    assert (backup.state, backup.release, backup.error) == (
        BackupState.FAILED,
        release.id,
        release.error,
    )
    saves(bench)
    assert bench.release(bench.push("v3")).state is ReleaseState.SUCCEEDED
    assert bench.serves() == "v3"


@contextmanager
def broken(bench: Bench, what: str) -> Iterator[None]:
    with ExitStack() as stack:
        if what == "truncated":
            saves(bench, programs=wrapped(bench.folder, major=15, pg_dump=TRUNCATED))
        elif what == "wrong database":
            other = {"pg_dump": other_database("postgres")}
            saves(bench, programs=wrapped(bench.folder, major=15, before=other))
        elif what == "full disk":
            small = stack.enter_context(disk(bench.folder / "disk", "4m"))
            full = {"pg_dump": FULL}
            saves(bench, place=str(small), programs=wrapped(bench.folder, major=15, before=full))
        else:
            there = stack.enter_context(bucket())
            there.refuse("s3:PutObject")
            keys = {"access_key": "env:S3_KEY", "secret_key": "env:S3_SECRET"}
            saves(bench, place=f"s3://{BUCKET}/db", endpoint=there.endpoint, **keys)
        yield


def test_a_direct_url_of_another_database_is_refused(bench: Bench, database: str) -> None:
    url = bench.environ["APP_DB"]
    bench.environ["OTHER"] = url.rpartition("/")[0] + "/postgres"
    bench.configure(
        environments={"dev": {"database": {"url": "env:APP_DB", "direct_url": "env:OTHER"}}}
    )
    release = bench.release(bench.push("v1"))
    assert release.state is ReleaseState.REFUSED
    assert release.error
    assert 'direct_url leads to the database "postgres", and the containers use' in release.error


def test_by_hand_a_database_is_saved_and_put_back(bench: Bench, database: str) -> None:
    checked = bench.fairlead("check", "dev", code=None).stdout
    assert "pg_dump 15 of app_" in checked
    assert f" to {bench.folder}/backups, about " in checked
    done = bench.fairlead("backup", "dev")
    assert done.stdout.startswith("dev: backup 1: dump of app_")
    assert "pg_dump 15 of app_" in done.stderr

    asked = bench.fairlead("restore", "dev", "1", code=None)
    assert asked.returncode == 130
    assert "Restore backup 1 to dev?" in asked.stdout
    put = bench.fairlead("restore", "dev", "1", "--yes")

    assert "dev has backup 1 now; what it had is kept as app_" in put.stdout
    assert "every connection to it is ended once" in put.stdout
    assert "it holds all that was saved" in put.stderr
    listed = bench.fairlead("backups", "dev").stdout.splitlines()
    assert listed[0].split() == ["ID", "MADE", "KIND", "STATE", "SIZE", "TOOK", "BY", "WHERE"]
    assert listed[1].split()[0] == "1"
    missing = bench.fairlead("restore", "dev", "9", "--yes", code=2)
    assert "dev has no backup 9." in missing.stderr
    assert Path(bench.fairlead_json("backups", "dev")[0]["place"]).is_dir()
