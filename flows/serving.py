"""Serve the flows: a Prefect deployment of each environment, whose runs are made on this machine.

`python -m flows.serving`. What stops it cancels its runs first: on SIGTERM it kills them.
"""

from collections.abc import Iterator

from prefect import serve
from prefect.deployments.runner import RunnerDeployment
from prefect.types.entrypoint import EntrypointType

from fairlead.config import Config, find, load
from flows.release import release
from flows.rollback import rollback

SECONDS = 1.0  # between two questions for runs to make


def deployments(config: Config) -> Iterator[RunnerDeployment]:
    """What prefect.yaml writes out for the example, of any config."""
    for name, settings in config.environments.items():
        source = {"source": settings.promotes_from} if settings.promotes_from else {}
        yield RunnerDeployment.from_flow(
            release,
            name,
            description=f"Bring a commit to {name}.",
            tags=[name],
            parameters={"environment": name, **source},
            entrypoint_type=EntrypointType.MODULE_PATH,
        )
        yield RunnerDeployment.from_flow(
            rollback,
            name,
            description=f"Have {name} run what it ran before.",
            tags=[name, "rollback"],
            parameters={"environment": name},
            entrypoint_type=EntrypointType.MODULE_PATH,
        )


if __name__ == "__main__":
    serve(
        *deployments(load(find())),
        pause_on_shutdown=False,
        print_starting_message=False,
        query_seconds=SECONDS,
    )
