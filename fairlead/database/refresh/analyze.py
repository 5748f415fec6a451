"""What the planner has to know of a new database before anybody asks it something."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from psycopg import sql

from fairlead.database.backup.beside import connected

# The largest first. Indexes of expressions and statistics over several columns have come since the
# planner looked. A column of a changed type, and one that a migration adds, has no statistics.
UNKNOWN = """
with remembered as materialized (
  select schemaname as schema, tablename as name, attname as attribute from pg_stats
)
select s.schemaname::text as schema, s.relname::text as name, more.again
from pg_stat_user_tables s join pg_class c on c.oid = s.relid, lateral (select
  exists (select from pg_index i where i.indrelid = s.relid and i.indexprs is not null)
  or exists (select from pg_statistic_ext e where e.stxrelid = s.relid) as again
) more
where s.last_analyze is null or s.n_mod_since_analyze > 0 or more.again
  or c.reltuples <> 0 and exists (
    select from pg_attribute a where a.attrelid = s.relid and a.attnum > 0 and not a.attisdropped
      and a.attstattarget is distinct from 0 and not exists (select from remembered r
        where r.schema = s.schemaname and r.name = s.relname and r.attribute = a.attname))
order by pg_table_size(s.relid) desc
"""
Waiting = deque[sql.Identifier]


def analyze(conninfo: str, name: str, jobs: int, timeout: float) -> int:
    """Every table of which that is needed, over `jobs` connections; how many these were. `name` is
    what the server calls the sessions, `timeout` seconds for each table. Raises psycopg.Error."""
    waiting = _unknown(conninfo, name, timeout)
    count = len(waiting)
    with ThreadPoolExecutor(jobs) as pool:
        works = [pool.submit(_work, conninfo, name, timeout, waiting) for _ in range(jobs)]
        for work in works:
            work.result()
    return count


@contextmanager
def analyzing(conninfo: str, name: str, timeout: float) -> Iterator[None]:
    """As long as it is open, over one connection: what is not looked at by then, and what would be
    again, is for `analyze`. Raises psycopg.Error at its end."""
    waiting = _unknown(conninfo, name, timeout, again=False)
    with ThreadPoolExecutor(1) as pool:
        work = pool.submit(_work, conninfo, name, timeout, waiting)
        try:
            yield
        finally:
            waiting.clear()
        work.result()


def _unknown(conninfo: str, name: str, timeout: float, *, again: bool = True) -> Waiting:
    """With those that are looked at whenever one asks, or without."""
    with connected(conninfo, name, timeout) as connection:
        connection.execute("select pg_stat_clear_snapshot()")
        found = connection.execute(UNKNOWN).fetchall()
    return deque(
        sql.Identifier(row["schema"], row["name"]) for row in found if again or not row["again"]
    )


def _work(conninfo: str, name: str, timeout: float, waiting: Waiting) -> None:
    with connected(conninfo, name, timeout) as connection:
        connection.execute("set synchronous_commit = off")  # the swap's is on, and comes later
        while True:
            try:
                table = waiting.popleft()
            except IndexError:
                return
            connection.execute(sql.SQL("analyze {}").format(table))
