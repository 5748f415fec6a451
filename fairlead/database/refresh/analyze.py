"""What the planner has to know of a new database before anybody asks it something."""

from collections import deque
from concurrent.futures import ThreadPoolExecutor

from psycopg import sql

from fairlead.database.backup.beside import connected

# What masking has changed it has looked at too, but before there were indexes of expressions and
# statistics over several columns. The largest first.
UNKNOWN = """
select s.schemaname::text as schema, s.relname::text as name from pg_stat_user_tables s
where s.last_analyze is null or s.n_mod_since_analyze > 0
  or exists (select from pg_index i where i.indrelid = s.relid and i.indexprs is not null)
  or exists (select from pg_statistic_ext e where e.stxrelid = s.relid)
order by pg_table_size(s.relid) desc
"""


def analyze(conninfo: str, name: str, jobs: int, timeout: float) -> int:
    """Every table of which that is needed, over `jobs` connections; how many these were. `name` is
    what the server calls the sessions, `timeout` seconds for each table. Raises psycopg.Error."""
    with connected(conninfo, name, timeout) as connection:
        connection.execute("select pg_stat_clear_snapshot()")
        found = connection.execute(UNKNOWN).fetchall()
    waiting = deque(sql.Identifier(row["schema"], row["name"]) for row in found)

    def work() -> None:
        with connected(conninfo, name, timeout) as connection:
            connection.execute("set synchronous_commit = off")  # the swap's is on, and comes later
            while True:
                try:
                    table = waiting.popleft()
                except IndexError:
                    return
                connection.execute(sql.SQL("analyze {}").format(table))

    with ThreadPoolExecutor(jobs) as pool:
        for done in [pool.submit(work) for _ in range(jobs)]:
            done.result()
    return len(found)
