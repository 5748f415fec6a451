"""A Prefect worker that drains: what stops it never cuts off a release.

Prefect's own kills the flows that it runs on SIGTERM, without a hook, and their runs stay Running
for ever. See docs/decisions/0008-draining.md.
"""

import logging
import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import httpx
from anyio.abc import TaskStatus
from prefect.client.schemas.objects import FlowRun
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.settings import get_current_settings
from prefect.states import Cancelling
from prefect.utilities.services import critical_service_loop
from prefect.workers.process import ProcessJobConfiguration, ProcessWorker, ProcessWorkerResult

from flows.automations import HEARTBEAT, dead_runs, ensure
from flows.warm import SOCKET

AWAY = (httpx.HTTPError, ObjectNotFound)  # also a run that somebody has deleted
QUERY = 1.0  # seconds between two questions for runs; Prefect's own 10 is most of what one waits
PUT_BACK = 60.0  # seconds that releases get to be put back; Prefect gives their processes 30
BEATS = ("PREFECT_FLOWS_HEARTBEAT_FREQUENCY", str(HEARTBEAT))
ENGINE = shlex.join([sys.executable, "-m", "flows.engine"])

Say = Callable[[str], None]


class Job(ProcessJobConfiguration):
    """How a flow's process is started, whatever the work pool says: nothing of it dies with us."""

    def prepare_for_flow_run(self, *given: Any, **named: Any) -> None:
        self.stream_output = False  # a broken pipe would end it
        self.command = ENGINE
        super().prepare_for_flow_run(*given, **named)
        self.env.setdefault(*BEATS)


class Worker(ProcessWorker):
    """`running` are the flow runs that have a process."""

    job_configuration = Job

    def __init__(self, pool: str, name: str, say: Say) -> None:
        super().__init__(work_pool_name=pool, name=name)
        self.running: set[UUID] = set()
        self._say = say

    @classmethod
    def __dispatch_key__(cls) -> str:
        """Prefect's own stays the one of the type `process`."""
        return "fairlead"

    async def run(
        self,
        flow_run: FlowRun,
        configuration: ProcessJobConfiguration,
        task_status: TaskStatus[int] | None = None,
    ) -> ProcessWorkerResult:
        self.running.add(flow_run.id)
        try:
            ended = await super().run(flow_run, configuration, task_status)
        finally:
            self.running.remove(flow_run.id)
        self._say(await self._how(flow_run.id, ended.status_code))
        return ended

    async def _how(self, run: UUID, code: int) -> str:
        """How it ended; that of a process which died is told before Prefect knows it."""
        try:
            found = await self.client.read_flow_run(run)
        except AWAY:
            return f"Flow run {run}: its process ended with exit code {code}."
        if found.state is None or found.state.is_running():
            return f"{found.name}: its process ended with exit code {code}."
        return f"{found.name}: {found.state.name}."

    async def take(self, stopped: anyio.Event) -> None:
        """Take runs and say that we are here, until we are stopped."""
        pauses = get_current_settings().worker
        given = "query_seconds" in pauses.model_fields_set
        query = pauses.query_seconds if given else QUERY
        loop = partial(critical_service_loop, jitter_range=0.3, backoff=4)
        async with anyio.create_task_group() as loops:
            loops.start_soon(partial(loop, self.get_and_submit_flow_runs, query))
            loops.start_soon(partial(loop, self._sync_and_initialize, pauses.heartbeat_seconds))
            await stopped.wait()
            loops.cancel_scope.cancel()

    async def put_back(self, say: Say) -> None:
        """Cancel every run, also one that gets its process only now."""
        asked: set[UUID] = set()
        while True:
            for run in self.running - asked:
                say(f"Putting back {await self.named(run)}.")
                try:
                    await self.client.set_flow_run_state(run, Cancelling())
                    asked.add(run)
                except AWAY as error:  # once more, as long as there is time
                    say(str(error))
            await anyio.sleep(0.5)

    async def named(self, run: UUID) -> str:
        """As the UI shows it: a run gets its name when it starts."""
        try:
            return (await self.client.read_flow_run(run)).name
        except AWAY:
            return f"flow run {run}"


class Stop:
    """Asked to stop, and, `now`, asked again."""

    def __init__(self) -> None:
        self.asked, self.now = anyio.Event(), anyio.Event()

    async def listen(self, *, task_status: TaskStatus[None]) -> None:
        with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
            task_status.started()
            async for _ in signals:
                (self.now if self.asked.is_set() else self.asked).set()


async def work(
    pool: str, name: str, drain: float, say: Say, deployments: Iterable[RunnerDeployment] = ()
) -> list[str]:
    """Make the deployments and take the pool's runs until SIGTERM or Ctrl-C, then wait `drain`
    seconds for those that were begun; after that, or when asked again, have them put back. Those
    that did not end even then.

    Raises what keeps it from taking runs, once it has waited for those that it has.
    """
    for logger in ("prefect.flow_runs.worker", "prefect.runner"):  # what we tell is enough
        logging.getLogger(logger).setLevel(logging.WARNING)
    stop, worker, left, trouble = Stop(), Worker(pool, name, say), list[str](), list[Exception]()
    async with anyio.create_task_group() as beside:
        await beside.start(stop.listen)
        with _noted(trouble), anyio.CancelScope() as working:
            async with worker:  # leaving it waits for its runs
                await ensure(worker.client, dead_runs())  # the API answers, or we end here
                for deployment in deployments:
                    await deployment.aapply()
                say(f"Worker {name} takes the runs of work pool {pool}. Ctrl-C has it drain.")
                with _noted(trouble):
                    await worker.take(stop.asked)
                stop.asked.set()
                beside.start_soon(_drain, worker, stop, drain, say, working, left)
        beside.cancel_scope.cancel()
    if trouble:
        raise trouble[0]
    return left


@contextmanager
def warm() -> Iterator[None]:
    """A warm process beside the worker, with the settings that its runs get; nothing waits until it
    is."""
    current = get_current_settings()
    with tempfile.TemporaryDirectory(prefix="fairlead-warm-") as folder:
        way = str(Path(folder) / "socket")
        process = subprocess.Popen(  # noqa: S603 our own module
            [sys.executable, "-m", "flows.warm", way],
            stdin=subprocess.PIPE,
            env=dict([BEATS]) | os.environ | current.to_environment_variables(exclude_unset=True),
            start_new_session=True,
        )
        os.environ[SOCKET] = way
        try:
            yield
        finally:
            del os.environ[SOCKET]
            process.kill()  # what it has forked goes on
            process.communicate()


@contextmanager
def _noted(trouble: list[Exception]) -> Iterator[None]:
    """Go on after an error: a Prefect that is away ends no release."""
    try:
        yield
    except Exception as error:  # noqa: BLE001
        while isinstance(error, ExceptionGroup):
            error = error.exceptions[0]
        trouble.append(error)


async def _drain(
    worker: Worker, stop: Stop, drain: float, say: Say, working: anyio.CancelScope, left: list[str]
) -> None:
    """Beside the worker's leaving, which ends this when it has ended."""
    say("Taking no more runs.")
    if worker.running:
        names = ", ".join([await worker.named(run) for run in worker.running])
        say(f"Waiting for {names}. Ctrl-C again has it put back.")
    with anyio.move_on_after(drain):
        await stop.now.wait()
    with anyio.move_on_after(PUT_BACK):
        await worker.put_back(say)
    left += [f"flow run {run}" for run in worker.running]
    working.cancel()
