"""Rows that are masked while they are loaded are as if it were done afterwards, and no others."""

import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict

from fairlead.database.backup.process import Ended
from fairlead.database.masking.catalog import read_catalog
from fairlead.database.masking.loading import loading
from fairlead.database.masking.mask import mask
from fairlead.database.masking.rules import match
from fairlead.database.masking.statements import plans_of, written_again
from fairlead.database.refresh.restore import restore
from fairlead.database.refresh.room import largest_of
from tests.bench.masked import KEY, Copy, copy_on, rules
from tests.bench.saved import PROGRAMS

CONTENT = """
create domain address as varchar(40) check (value like '%@%');
create table public.person (id int primary key, mail address unique, phone text, full_name text,
  born date, at timestamptz, token uuid, number int unique, numbers bigint[], tags varchar(12)[],
  extra jsonb, photo bytea, machine inet, note text, colour text default 'red', "Odd ""name" text,
  loud text generated always as (upper(full_name)) stored);
insert into person select i, 'p' || i || '@real.example', '+49 30 ' || i, 'Real Person ' || i,
  '1970-01-01'::date + i, '1999-12-31 23:59+02'::timestamptz + i * interval '7 h',
  md5(i::text)::uuid, i * 3, array[i, null, -i], array['real ' || i, '', null],
  jsonb_build_object('name', 'Real ' || i, 'n', i), 'Real'::bytea, '10.0.0.1'::inet + i,
  'Real note', 'blue', 'Real odd' from generate_series(1, 60) i;
insert into person (id, full_name, tags) values (61, '', '{}');
create view people as select full_name from person;
create table session (key text primary key, data text);
insert into session select 'real' || i, 'Real data' from generate_series(1, 9) i;
create table moved (id int primary key, name text);
insert into moved select i, 'Real ' || i from generate_series(1, 9) i;
create table own (id int primary key, name text);
insert into own select i, 'Real ' || i from generate_series(1, 9) i;
create table part (id int, name text) partition by range (id);
create table part_1 partition of part default;
insert into part select i, 'Real ' || i from generate_series(1, 9) i;
"""
RULES: dict[str, Any] = {
    "person.id": "keep",
    "person.mail": {"hash": "email"},
    "person.phone": {"hash": "phone"},
    "person.full_name": {"fake": "name"},
    "person.born": {"shift_days": 30},
    "person.at": {"shift_days": 30},
    "person.token": {"hash": "token"},
    "person.number": {"hash": "number"},
    "person.numbers": {"hash": "number"},
    "person.tags": {"hash": "text"},
    "person.extra": {"hash": "text"},
    "person.photo": {"hash": "photo"},
    "person.machine": {"hash": "ip"},
    "person.note": "null",
    "person.colour": {"constant": "it's $body$ \\ %s {}"},
    'person."Odd ""name"': {"hash": "text"},
    "session.*": "empty",
    "moved.id": "keep",
    "moved.name": "shuffle",
    "own.id": "keep",
    "own.name": {"sql": "'person ' || id"},
    "part.id": "keep",
    "part.name": {"hash": "text"},
}
ROLE = "postgres"
TABLES = ("person", "session", "moved", "own", "part")


def dumped(source: Copy, folder: Path) -> Path:
    fields: dict[str, Any] = conninfo_to_dict(source.url)
    where = [f"--host={fields['host']}", f"--username={fields['user']}"]
    archive = folder / "dump"
    subprocess.run(
        [str(PROGRAMS / "pg_dump"), "-Fd", "-f", str(archive), *where, fields["dbname"]], check=True
    )
    return archive


def section(
    copy: Copy, archive: Path, name: str, settings: Mapping[str, str] | None = None
) -> Ended:
    database = str(conninfo_to_dict(copy.url)["dbname"])
    command = [str(PROGRAMS / "pg_restore"), "--exit-on-error", f"--section={name}"]
    return restore(
        [*command, "--no-owner", f"--role={ROLE}", f"--dbname={database}", str(archive)],
        copy.url,
        "test",
        settings=settings or {},
        deadline=time.monotonic() + 60,
        tick=lambda: None,
    )


def rows(copy: Copy) -> dict[str, list[tuple[Any, ...]]]:
    return {name: copy.run(f"select * from {name} order by 1") for name in TABLES}


def test_rows_are_as_if_they_were_masked_afterwards(newest: str, tmp_path: Path) -> None:
    with copy_on(newest, CONTENT) as source, copy_on(newest) as copy:
        archive = dumped(source, tmp_path)
        assert section(copy, archive, "pre-data").problem is None
        with loading(copy.url, rules(RULES), KEY, ROLE) as masks:
            assert masks.tables == {("public", "person"), ("public", "session")}
            # Triggers that are not made to fire always would not do so here.
            settings = {**masks.settings, "session_replication_role": "replica"}
            assert section(copy, archive, "data", settings).problem is None
        assert copy.functions() == []
        assert copy.column("select count(*) from pg_trigger") == [0]
        for name in ("person", "session"):
            assert b"real" not in copy.file_of(name).lower()
        done = mask(copy.url, rules(RULES), KEY, arrived=masks.tables)
        assert section(copy, archive, "post-data").problem is None
        same = source.mask(RULES)
        assert rows(copy) == rows(source)
        assert (done.tables, done.columns, done.emptied) == (same.tables, same.columns, 1)
        assert "real" not in str(copy.run("select * from part, own")).lower()


def test_only_what_is_masked_once_all_have_arrived_is_there_twice(newest: str) -> None:
    with copy_on(newest, CONTENT) as source, source.reading() as connection:
        catalog = read_catalog(connection)
        again = written_again(plans_of(catalog, match(catalog, rules(RULES).rules)))
        assert {name for _, name in again} == {"moved", "own", "part"}
        (bytes_of,) = source.column("select pg_table_size('public.part_1')")
        assert largest_of(connection, [("public", "part")]) == bytes_of > 0
        assert largest_of(connection, []) == 0


def test_without_the_salts_no_row_comes_in(newest: str, tmp_path: Path) -> None:
    with copy_on(newest, CONTENT) as source, copy_on(newest) as copy:
        archive = dumped(source, tmp_path)
        section(copy, archive, "pre-data")
        with loading(copy.url, rules(RULES), KEY, ROLE) as masks:
            settings = {
                name: value for name, value in masks.settings.items() if "phone" not in name
            }
            assert section(copy, archive, "data", settings).problem is not None
            assert copy.column("select count(*) from person") == [0]


def test_what_has_rows_already_is_masked_afterwards(newest: str) -> None:
    content = (
        "create table a (name text); create table b (name text); insert into a values ('Real')"
    )
    given = {"a.name": {"constant": "it's $body$ \\ %s {}"}, "b.name": {"hash": "text"}}
    with copy_on(newest, content) as copy:
        with loading(copy.url, rules(given), KEY, ROLE) as masks:
            assert masks.tables == {("public", "b")}
        mask(copy.url, rules(given), KEY, arrived=masks.tables)
        assert copy.column("select name from a") == ["it's $body$ \\ %s {}"]


def test_more_tables_than_a_transaction_takes(newest: str, tmp_path: Path) -> None:
    content = "; ".join(
        f"create schema s{at}; create table s{at}.t (name text); insert into s{at}.t values ('a')"
        for at in range(250)
    )
    given = {"t.name": {"hash": "text"}}
    with copy_on(newest, content) as source, copy_on(newest) as copy:
        archive = dumped(source, tmp_path)
        section(copy, archive, "pre-data")
        with loading(copy.url, rules(given), KEY, ROLE) as masks:
            assert len(masks.tables) == 250
            assert copy.column("select count(*) from pg_proc where proname ~ '^load'") == [1]
            assert section(copy, archive, "data", masks.settings).problem is None
        assert copy.column("select count(*) from pg_trigger") == [0]
        assert copy.column("select name from s249.t") == copy.column("select name from s1.t")
        assert copy.column("select length(name) from s7.t") == [16]
