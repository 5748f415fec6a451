"""What is read in the place of production's database: its newest backup in a bucket."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from examples.stand.postgres import Postgres
from fairlead.model import RefreshState
from tests.bench.bench import Bench
from tests.bench.dying import opened, until
from tests.bench.refreshed import PRIVATE, Refreshed, is_good, refreshed, unchanged, whole
from tests.bench.s3 import BUCKET, KEYS, Bucket, bucket
from tests.bench.saved import disk, wrapped


@pytest.fixture
def there() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


@pytest.fixture
def uat(bench: Bench, postgres: Postgres, there: Bucket) -> Iterator[Refreshed]:
    """Production is saved in a bucket, and has lost all its items since."""
    with refreshed(bench, postgres) as made:
        made.bench.environ |= KEYS
        from_bucket(made, there)
        made.bench.fairlead("backup", "prod")
        made.run(made.prod, "delete from item")
        yield made


def from_bucket(uat: Refreshed, there: Bucket, **over: Any) -> None:
    place = {
        "place": f"s3://{BUCKET}/db",
        "endpoint": there.endpoint,
        "access_key": "env:S3_KEY",
        "secret_key": "env:S3_SECRET",
    }
    environments = {"prod": {"backup": place}, "uat": over}
    uat.configure(refresh={"read": "backup"}, environments=environments)


def fetched(uat: Refreshed) -> list[Path]:
    """Production's rows, on this machine."""
    return list((uat.bench.folder / "home").rglob("*.dat.gz"))


def test_a_backup_in_a_bucket_is_read_and_nothing_of_it_stays_here(
    uat: Refreshed, there: Bucket
) -> None:
    row = uat.refresh()

    is_good(row)
    (backup,) = uat.bench.read(lambda store: store.backups.all(uat.bench.project, "prod"))
    assert row.backup == backup.id
    assert uat.run(uat.uat, "select count(*) from item") == [(500,)]
    assert not [word for word in PRIVATE if word in whole(uat, uat.uat)]
    assert fetched(uat) == []
    shown = uat.bench.fairlead("refresh", "show", str(row.id)).stdout
    assert f"at s3://{BUCKET}/db/" in shown
    said = uat.bench.fairlead("check", "uat").stdout
    assert f"in its place backup {backup.id}: dump of " in said


def test_rows_that_were_fetched_are_gone_after_a_kill(uat: Refreshed, there: Bucket) -> None:
    here, go = uat.bench.folder / "here", uat.bench.folder / "go"
    wait = f'[ -z "$base" ] || while [ ! -e {go} ]; do touch {here}; sleep 0.1; done'
    programs = wrapped(uat.bench.folder, before={"pg_restore": wait}, major=15)
    from_bucket(uat, there, backup={"kind": "none", "programs": programs})
    with uat.flow() as flow:
        until(here.exists, "it is restored")
        assert fetched(uat)
        flow.kill()
        dead = uat.row(flow)
    go.touch()
    until(lambda: not uat.bench.read(lambda store: store.leases.live(uat.bench.project)), "free")
    uat.bench.fairlead("settle", "uat")
    unchanged(uat, uat.get(dead.id), RefreshState.FAILED, "died during restore")
    assert fetched(uat) == []


def test_its_keys_are_hidden_like_all_secrets(uat: Refreshed) -> None:
    with opened(uat.bench) as project:
        project.know_secrets(project.config, "uat")
        assert project.redact(str(KEYS)).count("planted") == 0


def test_a_key_that_is_not_there_is_told_before_anything_is_done(uat: Refreshed) -> None:
    uat.bench.environ["S3_SECRET"] = ""
    row = uat.refresh()
    unchanged(uat, row, RefreshState.REFUSED, "The secret env:S3_SECRET is not there")


def test_a_disk_without_room_for_what_is_fetched_is_told_before(
    uat: Refreshed, tmp_path: Path
) -> None:
    with disk(tmp_path / "small", "20k") as small:
        uat.bench.environ["FAIRLEAD_HOME"] = str(small)
        row = uat.refresh()
    uat.bench.environ["FAIRLEAD_HOME"] = str(uat.bench.folder / "home")
    unchanged(uat, row, RefreshState.REFUSED, f"the disk of {tmp_path / 'small'}", " free")


def test_a_backup_that_the_bucket_has_lost_is_told(uat: Refreshed, there: Bucket) -> None:
    key = next(key for key in there.names() if key.endswith(".gz"))
    there.client.delete_object(Bucket=BUCKET, Key=key)
    unchanged(uat, uat.refresh(), RefreshState.FAILED, f"The backup at s3://{BUCKET}/db/")
