"""Putting a backup in the place of the database: restored beside, checked, swapped."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict

from fairlead.errors import BackupBroken, RestoreFailed, RestoreRefused, UnknownBackup
from fairlead.restoring import restore
from tests.bench.saved import Saved, database_on, wrapped

COUNT = 'select count(*) from "one tenant"."order line"'
WHOLE = """
select pg_get_userbyid(datdba), datconnlimit,
  (select array_agg(a::text order by a::text) from unnest(datacl) a),
  (select array_agg(setrole::regrole::text || array_to_string(setconfig, ';') order by setrole)
     from pg_db_role_setting s where s.setdatabase = d.oid), pg_encoding_to_char(encoding),
  datcollate, datallowconn
from pg_database d where datname = current_database()
"""


def put_back(saved: Saved, number: int, *, force: bool = False) -> tuple[str, list[str]]:
    """What the old one is called, and what was asked."""
    asked: list[str] = []

    def agree(lines: Sequence[str]) -> None:
        asked.extend(lines)

    with saved.project() as project:
        kept = restore(
            project,
            "dev",
            number,
            made_by="tester",
            say=saved.said.append,
            agree=agree,
            force=force,
        )
    return kept, asked


@pytest.mark.parametrize("kind", ["dump", "template"])
@pytest.mark.parametrize("which", ["saved", "older"])
def test_a_backup_takes_the_place_of_the_database_with_all_that_belongs_to_it(
    kind: str, which: str, request: pytest.FixtureRequest
) -> None:
    saved: Saved = request.getfixturevalue(which)
    name = str(conninfo_to_dict(saved.url)["dbname"])
    belongs(saved, name)
    before = saved.execute(WHOLE)
    backup = saved.save(kind=kind)
    saved.execute('delete from "one tenant"."order line" where id > 10')

    with psycopg.connect(saved.url) as app:  # which is connected, and comes again
        kept, asked = put_back(saved, backup.id)
        with pytest.raises(psycopg.OperationalError):
            app.execute("select 1")

    assert saved.execute(COUNT) == [(1000,)]
    assert saved.execute(COUNT, kept) == [(10,)]
    assert saved.execute(WHOLE) == before
    assert saved.execute("show search_path") == [('"one tenant", public',)]
    assert kept in saved.databases()
    assert len(saved.databases()) == (2 if kind == "dump" else 3)
    assert asked[1:] == [
        f"what was written since is in {kept} only, which is kept: rows of order line 990",
        "every connection to it is ended once",
    ]
    assert asked[0].startswith(f"{name} becomes what it was at {backup.started_at:%Y-%m-%d}")
    again, _ = put_back(saved, backup.id)  # a second time, from the same backup
    assert saved.execute(COUNT, again) == [(1000,)]


def belongs(saved: Saved, name: str) -> None:
    role = f"{name}_owner"
    saved.execute(f"create role {role} superuser login")
    saved.execute(
        f'alter database {name} set search_path to "one tenant", public; '
        f"alter database {name} set work_mem to '7MB'; "
        f"alter role {role} in database {name} set statement_timeout to '5s'; "
        f"alter database {name} connection limit 77; alter database {name} owner to {role}; "
        f"revoke connect on database {name} from public; grant temp on database {name} to {role}"
    )


def test_a_backup_of_another_database_wants_force(saved: Saved, newest: str) -> None:
    backup = saved.save()
    own = saved.url
    with database_on(newest, rows=3) as other:
        saved.url = other
        name = conninfo_to_dict(other)["dbname"]
        with pytest.raises(RestoreRefused) as caught:
            put_back(saved, backup.id)
        assert f'it is of the database "{backup.database}" on server' in caught.value.message
        assert f'that of dev is "{name}" on server' in caught.value.message
        assert saved.execute(COUNT) == [(3,)]

        put_back(saved, backup.id, force=True)

        assert saved.execute(COUNT) == [(1000,)]
    saved.url = own


def test_a_damaged_backup_is_not_restored(saved: Saved) -> None:
    backup = saved.save()
    (largest,) = sorted(Path(backup.place).glob("dump/*.gz"), key=lambda one: one.stat().st_size)[
        -1:
    ]
    whole = largest.read_bytes()
    largest.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(BackupBroken, match=f"the file {largest.name} was changed: its SHA-256"):
        put_back(saved, backup.id)
    largest.write_bytes(whole)
    manifest = Path(backup.place) / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"tables": 5', '"tables": 4'))
    with pytest.raises(BackupBroken, match=r"manifest\.json was changed since it was made"):
        put_back(saved, backup.id)
    assert len(saved.databases()) == 1


def test_a_restore_that_fails_leaves_the_database_as_it_is(saved: Saved) -> None:
    backup = saved.save()
    saved.backup = {"programs": wrapped(saved.folder, before={"pg_restore": BROKEN})}
    with pytest.raises(RestoreFailed) as caught:
        put_back(saved, backup.id)
    assert "pg_restore ended with exit code 1. Its last lines:\n    no luck" in str(caught.value)
    assert saved.execute(COUNT) == [(1000,)]
    assert len(saved.databases()) == 1


def test_what_a_restore_that_died_has_left_is_removed_by_the_next_one(saved: Saved) -> None:
    backup = saved.save()
    name = str(conninfo_to_dict(saved.url)["dbname"])
    left, other = f"{name}_restored_20261126T064012704", f"{name}_restored_by_hand"
    for one in (left, other):
        saved.execute(f'create database "{one}"')
    put_back(saved, backup.id)
    assert f"{left} was left by a restore that died; it is removed" in saved.said
    assert left not in saved.databases()
    assert other in saved.databases()


BROKEN = 'test -z "$base" || { echo no luck >&2; exit 1; }'


def test_what_does_not_count_is_not_restored(saved: Saved) -> None:
    with pytest.raises(UnknownBackup):
        put_back(saved, 7)
    command = saved.save(kind="command", command=["echo", "snap-1"])
    with pytest.raises(RestoreRefused, match="a command made it, and calls it snap-1"):
        put_back(saved, command.id)


def test_a_database_that_a_dead_swap_left_closed_is_opened_again(saved: Saved) -> None:
    backup, name = saved.save(), conninfo_to_dict(saved.url)["dbname"]
    fields: dict[str, Any] = {**conninfo_to_dict(saved.url), "dbname": "postgres"}
    with psycopg.connect(**fields, autocommit=True) as connection:
        connection.execute(f"alter database {name} allow_connections false".encode())
    put_back(saved, backup.id)
    assert saved.execute(COUNT) == [(1000,)]
