"""The planner knows every table, and no table is looked at twice for it; nor by autovacuum."""

import pytest

from fairlead.database.backup.beside import connected
from fairlead.database.refresh.analyze import analyze, analyzing
from fairlead.database.refresh.autovacuum import keep_off, let_in
from tests.bench.masked import Copy, copy_on
from tests.bench.waiting import until

TABLES = """
create table known as select 1 as id; create table correlated as select 5 as id, 5 as other;
create table changed as select 3 as id; create schema "a tenant";
create table "a tenant"."of expressions" as select 4 as id;
alter table changed set (autovacuum_enabled = off);
"""
LATER = """
insert into changed values (7);
create table later (id int) with (autovacuum_enabled = off); insert into later values (6);
create index on "a tenant"."of expressions" ((id + 1));
create statistics on id, other from correlated;
"""
COUNTS = "select relname::text, analyze_count from pg_stat_user_tables"
MODIFIED = "select n_mod_since_analyze > 0 from pg_stat_user_tables where relname = 'changed'"


def counts(copy: Copy) -> dict[str, int]:
    return dict(copy.run(COUNTS))


@pytest.mark.parametrize("jobs", [1, 3])
def test_what_is_known_is_not_looked_at_again(newest: str, jobs: int) -> None:
    with copy_on(newest, TABLES) as copy:
        copy.run("analyze")
        copy.run(LATER)
        until(lambda: copy.column(MODIFIED) == [True], 60)
        before = counts(copy)
        assert analyze(copy.url, "test", jobs, 60) == 4
        wanted = {"of expressions", "correlated", "changed", "later"}
        until(
            lambda: (
                {name for name, count in counts(copy).items() if count > before[name]} == wanted
            ),
            60,
        )
        assert copy.column("select count(*) from pg_stats where tablename = 'later'") == [1]


def test_what_is_looked_at_meanwhile_is_not_looked_at_again(newest: str) -> None:
    with copy_on(newest, TABLES) as copy:
        copy.run("create index on known ((id + 1))")
        with analyzing(copy.url, "test", 60):
            until(
                lambda: (
                    {name for name, count in counts(copy).items() if count}
                    == {"correlated", "changed", "of expressions"}
                ),
                60,
            )
        assert analyze(copy.url, "test", 1, 60) == 1


def test_a_column_without_statistics_is_looked_at(newest: str) -> None:
    with copy_on(newest, TABLES) as copy:
        with analyzing(copy.url, "test", 60):
            until(lambda: all(count == 1 for count in counts(copy).values()), 60)
        copy.run("alter table known alter id type bigint; alter table changed add more int")
        assert analyze(copy.url, "test", 2, 60) == 2
        assert copy.column("select count(*) from pg_stats where attname = 'more'") == [1]


def test_what_stops_meanwhile_stops_looking(newest: str) -> None:
    many = "".join(f"create table t{at} as select 1 as id;" for at in range(200))
    with copy_on(newest, many) as copy:
        with pytest.raises(ZeroDivisionError), analyzing(copy.url, "test", 60):
            raise ZeroDivisionError
        assert sum(counts(copy).values()) < 200


OPTIONS = "select relname::text, reloptions from pg_class where relkind = 'r' and oid >= 16384"


def test_autovacuum_is_kept_off_all_tables_but_those_that_have_a_setting_of_their_own(
    newest: str,
) -> None:
    with copy_on(newest, TABLES + "alter table known set (fillfactor = 70)") as copy:
        before = dict(copy.run(OPTIONS))
        with connected(copy.url, "test") as connection:
            tables = keep_off(connection)
            assert dict(copy.run(OPTIONS)) == {
                "known": ["fillfactor=70", "autovacuum_enabled=off"],
                "correlated": ["autovacuum_enabled=off"],
                "changed": ["autovacuum_enabled=off"],
                "of expressions": ["autovacuum_enabled=off"],
            }
            copy.run("drop table correlated; alter table known rename to renamed")
            let_in(connection, tables)
        assert dict(copy.run(OPTIONS)) == {
            "renamed": before["known"],
            "changed": before["changed"],
            "of expressions": None,
        }
