"""The frame of every flow that changes an environment: it takes the lease, settles what a dead run
left, writes the release, and at the end its outcome."""

from collections.abc import Iterator
from contextlib import contextmanager

from fairlead.config import Config
from fairlead.errors import LeaseHeld, LeaseLost, NotSettled
from fairlead.lease import Held, hold
from fairlead.model import Request
from fairlead.project import Project
from fairlead.recovery import settle
from fairlead.run import Run


@contextmanager
def releasing(
    project: Project,
    request: Request,
    *,
    flow_run: str | None = None,
    wait: float = 0,
    config: Config | None = None,
    origin: int | None = None,
) -> Iterator[Run]:
    """The release as a frame around its steps. `config` is another one than the project's when
    going back; `origin` the release whose containers are started then.

    Raises LeaseHeld and NotSettled (recorded as refused), and whatever a step raises.
    """
    config = config or project.config
    config.environment(request.environment)
    try:
        lease = hold(
            project.store, config.project, request.environment, ttl=config.lease_ttl, wait=wait
        )
        with lease as held:
            settle(project, request.environment, held)
            yield from _released(project, request, config, held, flow_run, origin)
    except (LeaseHeld, NotSettled) as refusal:
        project.store.releases.refuse(
            request, project=config.project, error=str(refusal), flow_run=flow_run
        )
        raise


def _released(
    project: Project,
    request: Request,
    config: Config,
    held: Held,
    flow_run: str | None,
    origin: int | None,
) -> Iterator[Run]:
    release = project.store.releases.begin(
        request,
        project=config.project,
        fencing=held.fencing,
        config=config.snapshot(),
        config_digest=config.digest(request.environment),
        flow_run=flow_run,
        origin=origin,
    )
    run = Run(project, release, config, held)
    try:
        yield run
    except BaseException as failure:
        run.failure = run.failure or failure
        raise
    finally:
        run.close()
        if not isinstance(run.failure, LeaseLost):
            run.end()  # who took the lease from us ends it
