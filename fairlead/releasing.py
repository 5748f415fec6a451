"""The frame of every flow that changes an environment: it takes the lease, settles what a dead run
left, writes the release, and at the end its outcome."""

from collections.abc import Iterator
from contextlib import contextmanager

from fairlead.config import Config
from fairlead.courier import Courier
from fairlead.errors import CannotDecide, LeaseHeld, LeaseLost, NotSettled
from fairlead.lease import Held, hold
from fairlead.model import Release, Request
from fairlead.project import Project
from fairlead.recovery import settle
from fairlead.run import Run
from fairlead.telling import tell_ended, tell_waiting


@contextmanager
def releasing(
    project: Project,
    request: Request,
    *,
    flow_run: str | None = None,
    wait: float = 0,
    config: Config | None = None,
    origin: int | None = None,
    approved: Release | None = None,
) -> Iterator[Run]:
    """The release as a frame around its steps. `config` is another one than the project's when
    going back; `origin` the release whose containers are started then; `approved` the one that has
    waited for approval and goes on.

    Raises LeaseHeld and NotSettled (recorded as refused), ServedAlready, CannotDecide when what was
    approved waits no more, and whatever a step raises.
    """
    config = config or project.config
    config.environment(request.environment)
    with Courier(project, project.senders(request.environment)) as courier:
        try:
            lease = hold(
                project.store,
                config.project,
                request.environment,
                ttl=config.lease_ttl,
                wait=wait,
                on_wait=lambda held: tell_waiting(project, request, flow_run, str(held.summary)),
            )
            with lease as held:
                settle(project, request.environment, held)
                release = _begun(project, request, config, held, flow_run, origin, approved)
                yield from _running(Run(project, release, config, held, courier))
        except (LeaseHeld, NotSettled) as refusal:
            ended = _refused(project, request, approved, flow_run, str(refusal))
            tell_ended(project, ended)
            courier.finish(ended.subject)
            raise


def _begun(
    project: Project,
    request: Request,
    config: Config,
    held: Held,
    flow_run: str | None,
    origin: int | None,
    approved: Release | None,
) -> Release:
    releases, snapshot = project.store.releases, config.snapshot()
    digest = config.digest(request.environment)
    if approved is None:
        return releases.begin(
            request,
            project=config.project,
            fencing=held.fencing,
            config=snapshot,
            config_digest=digest,
            flow_run=flow_run,
            origin=origin,
        )
    release = releases.go_on(
        approved.id,
        fencing=held.fencing,
        config=snapshot,
        config_digest=digest,
        flow_run=flow_run,
    )
    if release is None:
        raise CannotDecide(approved.id, "it does not wait any more")
    return release


def _running(run: Run) -> Iterator[Run]:
    try:
        yield run
    except BaseException as failure:
        run.failure = run.failure or failure
        raise
    finally:
        run.close()
        if not isinstance(run.failure, LeaseLost):
            run.end()  # who took the lease from us ends it


def _refused(
    project: Project, request: Request, approved: Release | None, flow_run: str | None, error: str
) -> Release:
    releases = project.store.releases
    if approved is None:
        return releases.refuse(
            request, project=project.config.project, error=error, flow_run=flow_run
        )
    releases.stop_waiting(approved.id, error)
    return releases.get(approved.id) or approved
