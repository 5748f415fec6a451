"""Backups in a bucket, over real HTTP: sent with checksums, looked at there, fetched again."""

import multiprocessing
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairlead.database.backup.fetched import fetched_of
from fairlead.errors import BackupBroken, BackupFailed, CannotSave
from fairlead.model import BackupState
from fairlead.restoring import restore
from fairlead.settling import settle_dead
from tests.bench.bench import free_port
from tests.bench.s3 import BUCKET, KEYS, Bucket, bucket
from tests.bench.saved import PROGRAMS, Saved, wrapped
from tests.bench.waiting import until


@pytest.fixture
def there() -> Iterator[Bucket]:
    with bucket() as made:
        yield made


@pytest.fixture
def sent(saved: Saved, there: Bucket) -> Saved:
    saved.environ = KEYS
    saved.backup = {
        "place": f"s3://{BUCKET}/db",
        "endpoint": there.endpoint,
        "access_key": "env:S3_KEY",
        "secret_key": "env:S3_SECRET",
    }
    return saved


def test_a_backup_in_a_bucket_is_whole_there_and_can_be_restored(
    sent: Saved, there: Bucket
) -> None:
    backup = sent.save()

    prefix = f"db/{sent.project_name}/dev/{backup.stamp}Z-1"
    assert backup.place == f"s3://{BUCKET}/{prefix}"
    assert f"{prefix}/manifest.json" in there.names()
    assert f"{prefix}/dump/toc.dat" in there.names()
    assert f"{prefix}/begun" not in there.names()
    puts = [line for line in there.seen if line.startswith("PUT ")]
    assert puts[-1].endswith("manifest.json")  # what has none is not whole
    work = sent.folder / "home" / "backups" / "work"
    assert list(work.iterdir()) == []

    sent.execute("drop table log")
    with sent.project() as project:
        restore(project, "dev", backup.id, made_by="t", say=print, agree=print)
    assert sent.execute("select count(*) from log") == [(100,)]
    assert list(work.iterdir()) == []


def test_rows_that_a_dead_restore_had_fetched_are_removed_by_whoever_comes_next(
    sent: Saved, tmp_path: Path
) -> None:
    backup = sent.save()
    here = sent.folder / "here"
    wait = f"touch {here}; while [ -e {here} ]; do sleep 0.1; done; exit 1"
    sent.backup = {**sent.backup, "programs": wrapped(sent.folder, before={"pg_restore": wait})}
    dying = multiprocessing.get_context("spawn").Process(target=restored, args=(sent, 1))
    dying.start()
    until(here.exists, 60)
    dying.kill()
    dying.join()
    assert rows_here(sent)
    left = fetched_of(sent.project_name, "dev")
    shutil.copytree(left, tmp_path / "again")
    here.unlink()
    with sent.project() as project:
        assert settle_dead(project) == []  # somebody may be restoring
        project.store.leases.unlock(sent.project_name, "dev")
        (done,) = settle_dead(project)
        assert settle_dead(project) == []
    assert done.line == "dev: what a restore that died had fetched is removed"
    assert rows_here(sent) == []

    shutil.copytree(tmp_path / "again", left)
    sent.backup = {**sent.backup, "programs": str(PROGRAMS)}
    restored(sent, backup.id)
    assert "what a restore that died had fetched is removed" in sent.said
    assert rows_here(sent) == []


def rows_here(sent: Saved) -> list[Path]:
    return list((sent.folder / "home").rglob("*.dat.gz"))


def restored(sent: Saved, number: int) -> None:
    """For a process of its own too."""
    with sent.project() as project:
        restore(project, "dev", number, made_by="t", say=sent.said.append, agree=print)


def test_what_is_too_large_for_one_request_is_sent_in_parts_and_read_again(
    sent: Saved, there: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fairlead.database.backup.bucket.AT_ONCE", 1_000_000)
    sent.execute("create table noise as select gen_random_uuid() n from generate_series(1, 600000)")
    backup = sent.save()
    assert len(there.parts) > 1
    (large,) = set(there.parts)
    assert f"GET {large}" in there.seen
    sent.execute("drop table noise")
    with sent.project() as project:
        restore(project, "dev", backup.id, made_by="t", say=print, agree=print)
    assert sent.execute("select count(*) from noise") == [(600_000,)]


def test_the_checksum_that_a_bucket_tells_is_believed_and_nothing_is_read_again(
    sent: Saved, there: Bucket
) -> None:
    there.tells = True
    sent.save()
    assert [line for line in there.seen if line.startswith("GET ")] == []


def test_a_bucket_that_refuses_does_so_before_anything_is_dumped(
    sent: Saved, there: Bucket
) -> None:
    there.refuse("s3:PutObject")
    with pytest.raises(CannotSave) as caught:
        sent.save()
    (backup,) = sent.all()
    assert str(caught.value) == (
        f"The database of dev cannot be saved: the bucket of {backup.place} refuses: HTTP 403.\n"
        "Mend its policy or the keys, or the way to it (environments.dev.backup)."
    )
    assert backup.state is BackupState.FAILED
    assert not [line for line in sent.said if "pg_dump" in line]
    assert KEYS["S3_SECRET"] not in str(caught.value)


def test_a_bucket_that_is_not_there_is_named(sent: Saved) -> None:
    with pytest.raises(CannotSave, match=r"s3://other/.* refuses: NoSuchBucket \(HTTP 404\)"):
        sent.save(place="s3://other/db")


def test_a_bucket_that_is_away_is_named(sent: Saved) -> None:
    endpoint = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(CannotSave) as caught:
        sent.save(endpoint=endpoint)
    assert f"the bucket of s3://{BUCKET}/db/{sent.project_name}/dev/" in caught.value.message
    assert "does not answer: Could not connect to the endpoint URL" in caught.value.message


def test_a_bucket_that_refuses_in_the_middle_leaves_nothing(sent: Saved, there: Bucket) -> None:
    begun: list[str] = []

    def say(line: str) -> None:
        begun.append(line)
        there.refuse("s3:PutObject")

    sent.said = _Calls(say)
    with pytest.raises(BackupFailed, match="refuses: HTTP 403"):
        sent.save()
    assert begun
    assert there.names() == []


class _Calls(list[str]):
    def __init__(self, say: object) -> None:
        super().__init__()
        self._say = say

    def append(self, line: str) -> None:
        assert callable(self._say)
        self._say(line)


def test_what_arrives_changed_counts_for_nothing(sent: Saved, there: Bucket) -> None:
    there.damage = "toc.dat"
    with pytest.raises(BackupBroken, match=r"the file dump/toc\.dat arrived changed"):
        sent.save()
    assert there.names() == []


def test_what_was_changed_in_the_bucket_is_not_restored(sent: Saved, there: Bucket) -> None:
    backup = sent.save()
    key = next(key for key in there.names() if key.endswith(".gz"))
    there.client.put_object(Bucket=BUCKET, Key=key, Body=b"")
    with sent.project() as project, pytest.raises(BackupBroken, match="has 0 bytes, not"):
        restore(project, "dev", backup.id, made_by="t", say=print, agree=print)


def test_only_the_newest_stay_in_a_bucket(sent: Saved, there: Bucket) -> None:
    first, second = sent.save(keep=1), sent.save()
    names = {key.split("/")[3] for key in there.names()}
    assert names == {f"{second.stamp}Z-2"}
    assert [one.state for one in sent.all()] == [BackupState.PROVEN, BackupState.REMOVED]
    assert first.place != second.place
