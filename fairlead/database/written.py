"""How much was written to a database, as its server counts.

The server counts rows inserted, updated and deleted, those of transactions that were undone too,
and knows of a session's some seconds later.
https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-ALL-TABLES-VIEW
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairlead.database.connect import connect

# What a migration writes by itself.
BOOKKEEPING = [
    "alembic_version",
    "django_migrations",
    "django_content_type",
    "auth_permission",
    "auth_group_permissions",
]
LOOK = """
select (select coalesce(stats_reset::text, '') from pg_stat_database
        where datname = current_database()) as reset,
  (select coalesce(jsonb_object_agg(relname, count), '{}') from (
     select relname, sum(n_tup_ins + n_tup_upd + n_tup_del)::bigint as count
     from pg_stat_user_tables where relname <> all(%s) group by relname) t) as counts
"""


@dataclass(frozen=True, slots=True)
class Written:
    """`counts` of rows by the table's name, over all schemas, since `reset`."""

    reset: str
    counts: Mapping[str, int]

    def until(self, later: "Written") -> dict[str, int] | None:
        """By table, where anything was written; None where the counters began anew meanwhile."""
        if self.reset != later.reset:
            return None
        grown = {name: now - self.counts.get(name, 0) for name, now in later.counts.items()}
        return {name: count for name, count in grown.items() if count > 0}

    def as_json(self) -> dict[str, Any]:
        return {"reset": self.reset, "counts": dict(self.counts)}


def written(conninfo: str) -> Written:
    """Raises psycopg.Error."""
    with connect(conninfo, "fairlead") as connection:
        row = connection.execute(LOOK, (BOOKKEEPING,)).fetchone()
    assert row is not None
    return Written(**row)


def in_words(counts: Mapping[str, int]) -> str:
    """`order 12, customer 3`, those with most first."""
    most = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    shown = ", ".join(f"{name} {count}" for name, count in most[:10])
    return shown + (f" and {len(most) - 10} other tables" if len(most) > 10 else "")
