"""The Prefect deployments of any config: what prefect.yaml writes out for the example."""

from collections.abc import Iterator
from typing import Any

from prefect import Flow
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.deployments.runner import RunnerDeployment
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from fairlead.config import Config
from flows.promote import promote
from flows.prune import prune
from flows.refresh_uat import refresh
from flows.release import release
from flows.rollback import rollback
from flows.watch_drift import watch_drift

ALONE = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.CANCEL_NEW)


def deployments(config: Config, pool: str) -> Iterator[RunnerDeployment]:
    yield _scheduled(watch_drift, "*/15 * * * *", config.time_zone, pool)
    yield _scheduled(promote, "*/5 * * * *", config.time_zone, pool)
    yield _scheduled(prune, "30 3 * * *", config.time_zone, pool)
    for name, settings in config.environments.items():
        source = {"source": settings.promotes_from} if settings.promotes_from else {}
        yield RunnerDeployment.from_flow(
            release,
            name,
            description=f"Bring a commit to {name}.",
            tags=[name],
            parameters={"environment": name, **source},
            entrypoint_type=EntrypointType.MODULE_PATH,
            work_pool_name=pool,
        )
        yield RunnerDeployment.from_flow(
            rollback,
            name,
            description=f"Have {name} run what it ran before.",
            tags=[name, "rollback"],
            parameters={"environment": name},
            entrypoint_type=EntrypointType.MODULE_PATH,
            work_pool_name=pool,
        )
        if settings.refresh is not None:
            yield RunnerDeployment.from_flow(
                refresh,
                name,
                schedule=Cron(settings.refresh.at, timezone=config.time_zone),
                concurrency_limit=ALONE,
                description=f"Give {name} the data of {settings.refresh.source}, masked.",
                tags=[name, "refresh"],
                parameters={"environment": name},
                entrypoint_type=EntrypointType.MODULE_PATH,
                work_pool_name=pool,
            )


def _scheduled(flow: Flow[..., Any], cron: str, time_zone: str, pool: str) -> RunnerDeployment:
    return RunnerDeployment.from_flow(
        flow,
        "all",
        schedule=Cron(cron, timezone=time_zone),
        concurrency_limit=ALONE,
        description=(flow.__doc__ or "").partition("\n\n")[0],
        tags=[flow.name],
        entrypoint_type=EntrypointType.MODULE_PATH,
        work_pool_name=pool,
    )
