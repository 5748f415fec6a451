"""The deployments that `fairlead up` makes are those of prefect.yaml."""

from pathlib import Path
from typing import Any

from prefect.client.schemas.schedules import CronSchedule

from fairlead.config import load
from flows.deploying import deployments
from tests.bench.prefect import written_deployments

EXAMPLE = Path(__file__).parents[2] / "examples/shop/fairlead.toml"


def test_every_deployment_of_prefect_yaml_is_made_with_its_pool_and_schedule() -> None:
    config = load(EXAMPLE, {}).model_copy(update={"time_zone": "Europe/Berlin"})
    made = [
        {
            "flow": str(one.entrypoint),
            "name": one.name,
            "tags": one.tags,
            "pool": one.work_pool_name,
            "environment": one.parameters.get("environment"),
            "when": [
                (each.schedule.cron, each.schedule.timezone)
                for each in one.schedules or ()
                if isinstance(each.schedule, CronSchedule)
            ],
            "limit": (
                one.concurrency_limit,
                one.concurrency_options and str(one.concurrency_options.collision_strategy.value),
            ),
        }
        for one in deployments(config, "fairlead")
    ]
    written = [_written(entry) for entry in written_deployments()]

    def order(one: dict[str, Any]) -> tuple[str, str]:
        return one["flow"], one["name"]

    assert sorted(made, key=order) == sorted(written, key=order)


def _written(entry: dict[str, Any]) -> dict[str, Any]:
    limit = entry.get("concurrency_limit") or {}
    return {
        "flow": entry["entrypoint"].replace(":", "."),
        "name": entry["name"],
        "tags": entry["tags"],
        "pool": entry["work_pool"]["name"],
        "environment": entry["parameters"].get("environment"),
        "when": [(one["cron"], one["timezone"]) for one in entry.get("schedules", ())],
        "limit": (limit.get("limit"), limit.get("collision_strategy")),
    }
