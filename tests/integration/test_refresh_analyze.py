"""The planner knows every table, and no table is looked at twice for it."""

import pytest

from fairlead.database.refresh.analyze import analyze
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
