"""What a project's releases come to, counted by the database from its view `change`."""

from collections.abc import Mapping
from typing import Any

from fairlead.model import NO_SPREAD, ChangesOfADay, Metrics, Spread
from fairlead.store.database import Database


class Counts:
    def __init__(self, database: Database) -> None:
        self._database = database

    def of_environments(self, project: str, days: int) -> dict[str, Metrics]:
        """Of the last `days`; nothing of an environment where nothing was tried."""
        given = {"project": project, "days": days}
        with self._database.transaction() as connection:
            counted = connection.execute(COUNTS, given).fetchall()
            timed = connection.execute(SPREADS, given).fetchall()
        return _together(counted, timed, days)

    def of_days(self, project: str, days: int) -> list[ChangesOfADay]:
        """By environment and day, in UTC; days without a change are left out."""
        with self._database.transaction() as connection:
            rows = connection.execute(OF_DAYS, {"project": project, "days": days}).fetchall()
        return [ChangesOfADay(**row) for row in rows]


def _together(
    counted: list[dict[str, Any]], timed: list[dict[str, Any]], days: int
) -> dict[str, Metrics]:
    counts = {row.pop("environment"): row for row in counted}
    spreads: dict[str, dict[str, Spread]] = {name: {} for name in counts}
    for row in timed:
        spreads.setdefault(row["environment"], {})[row["what"]] = _spread(row)
    return {
        name: _metrics(name, days, counts.get(name, {}), spreads[name]) for name in sorted(spreads)
    }


def _metrics(
    name: str, days: int, counts: Mapping[str, Any], spreads: Mapping[str, Spread]
) -> Metrics:
    known = {source: counts.get(f"from_{source}", 0) for source in ("commit", "image", "store")}
    return Metrics(
        environment=name,
        days=days,
        changes=counts.get("changes", 0),
        failed=counts.get("failed", 0),
        not_restored=counts.get("not_restored", 0),
        last_at=counts.get("last_at"),
        lead=spreads.get("lead", NO_SPREAD),
        lead_known_from={source: count for source, count in known.items() if count},
        restore=spreads.get("restore", NO_SPREAD),
        migration=spreads.get("migration", NO_SPREAD),
    )


def _spread(row: Mapping[str, Any]) -> Spread:
    median, ninetieth = row["parts"]
    return Spread(row["count"], row["total"], median, ninetieth)


LATELY = "project = %(project)s and ended_at >= now() - make_interval(days => %(days)s)"
COUNTS = f"""
select environment,
  count(*) as changes,
  count(*) filter (where failed) as failed,
  count(*) filter (where failed and restored_at is null) as not_restored,
  max(ended_at) filter (where known_from is not null) as last_at,
  count(*) filter (where known_from = 'commit') as from_commit,
  count(*) filter (where known_from = 'image') as from_image,
  count(*) filter (where known_from = 'store') as from_store
from change where {LATELY} group by environment
"""
SPREADS = f"""
with lately as (
  select environment, 'lead' as what, ended_at - began_at as took
  from change where {LATELY} and known_from is not null
  union all
  select environment, 'restore', restored_at - broke_at
  from change where {LATELY} and failed and restored_at is not null
  union all
  select r.environment, 'migration', s.ended_at - s.started_at
  from (select id, environment from release where {LATELY}) r join step s on s.release = r.id
  where s.name = 'migrate' and s.outcome = 'succeeded' and s.detail <> 'nothing pending'
), timed as (
  select environment, what, extract(epoch from took)::float8 as seconds from lately
)
select environment, what, count(*) as count, sum(seconds) as total,
  percentile_cont(array[0.5, 0.9]) within group (order by seconds) as parts
from timed group by environment, what
"""
OF_DAYS = f"""
select environment, (ended_at at time zone 'UTC')::date as day,
  count(*) filter (where not failed) as good, count(*) filter (where failed) as failed
from change where {LATELY} group by 1, 2 order by 1, 2
"""
