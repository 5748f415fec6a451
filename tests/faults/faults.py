"""What goes wrong: each fault begins where the block does, and has been healed when it is left."""

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta

import docker

from examples.stand.containers import find_container
from examples.stand.postgres import Postgres, answers
from examples.stand.prefect_server import PrefectServer, start_prefect_server, stop_prefect_server
from examples.stand.state import State
from fairlead.model import ReleaseState
from tests.bench import tunnel
from tests.bench.bench import free_port
from tests.bench.dying import flow_process, until
from tests.bench.second_engine import SecondEngine, have_packages
from tests.faults.clock import Clock
from tests.faults.ground import Held

Happens = Callable[[Held], AbstractContextManager[None]]


@dataclass(frozen=True)
class Fault:
    """`loses` where requests have to be lost: what serves them is away itself."""

    name: str
    happens: Happens
    loses: bool = False
    patience: float = 120  # seconds until every release has ended


def killed() -> Fault:
    @contextmanager
    def happens(held: Held) -> Iterator[None]:
        for flow in held.flows.values():
            flow.kill()
        held.gates.drop_waiting()
        yield

    return Fault("kill -9 of the flow", happens)


def store_restarts(engine: docker.DockerClient, server: Postgres) -> Fault:
    @contextmanager
    def happens(held: Held) -> Iterator[None]:
        held.gates.forget()
        restart(engine, server)
        held.gates.connect_again()
        yield

    return Fault("store restart", happens)


def database_restarts(engine: docker.DockerClient, server: Postgres) -> Fault:
    @contextmanager
    def happens(_: Held) -> Iterator[None]:
        restart(engine, server)
        yield

    return Fault("database restart", happens)


def engine_restarts(engine: SecondEngine) -> Fault:
    @contextmanager
    def happens(_: Held) -> Iterator[None]:
        engine.stop()
        engine.start()
        yield

    return Fault("engine restart", happens, loses=True)


def network_cut(engine: SecondEngine) -> Fault:
    @contextmanager
    def happens(_: Held) -> Iterator[None]:
        engine.cut()
        try:
            yield
        finally:
            engine.join()

    return Fault("network cut", happens, patience=400)


def prefect_restarts(start: Callable[[], object], stop: Callable[[], object]) -> Fault:
    @contextmanager
    def happens(_: Held) -> Iterator[None]:
        stop()
        start()
        yield

    return Fault("Prefect server restart", happens)


def prefect_away(start: Callable[[], object], stop: Callable[[], object]) -> Fault:
    @contextmanager
    def happens(_: Held) -> Iterator[None]:
        stop()
        try:
            yield
        finally:
            start()

    # Its client tries for more than a minute to write the report, and again to end the run.
    return Fault("Prefect server away", happens, patience=400)


def clock_jumps(clock: Clock, by: timedelta) -> Fault:
    @contextmanager
    def happens(held: Held) -> Iterator[None]:
        clock.jump(by)
        until(lambda: clock.jumped() == len(held.flows), "it has jumped for all")
        yield

    return Fault(f"clock {by.total_seconds() / 3600:+g} h", happens)


def same_again() -> Fault:
    """The very same request, and the same commit as a request of its own, while it is released."""

    @contextmanager
    def happens(held: Held) -> Iterator[None]:
        bench = held.ground.bench
        for name, flow in held.flows.items():
            release = flow.release()
            asked = {"environment": name, "sha": release.sha}
            good = release.state is ReleaseState.SUCCEEDED  # recorded, and not at rest
            for more, code in (({"request_id": flow.request}, 0 if good else 1), ({}, 1)):
                with flow_process(bench, "release", **asked, **more) as twin:
                    assert twin.ended() == code, twin.output()
        yield

    return Fault("the same release twice", happens)


def disk_full(engine: SecondEngine) -> Fault:
    @contextmanager
    def happens(_: Held) -> Iterator[None]:
        with engine.full():
            yield

    return Fault("disk full", happens)


def registry_away(registry: "Gateway") -> Fault:
    @contextmanager
    def happens(_: Held) -> Iterator[None]:
        registry.close()
        try:
            yield
        finally:
            registry.open()

    return Fault("registry away", happens)


def restart(engine: docker.DockerClient, server: Postgres) -> None:
    container = find_container(engine, server.name)
    assert container is not None
    container.restart()
    until(lambda: answers(server), f"{server.name} answers again")


class Prefect:
    """A server that may be restarted."""

    def __init__(self, database: str, home: State) -> None:
        self._database, self.home, self._port = database, home, free_port()

    def start(self) -> PrefectServer:
        return start_prefect_server(self._database, print, port=self._port, state=self.home)

    def stop(self) -> None:
        stop_prefect_server(self.home)


class Gateway:
    """A port that leads to another one, and can be closed."""

    def __init__(self, port: int, to: int) -> None:
        have_packages()
        self._port = port
        self._command = [
            "socat",
            f"TCP-LISTEN:{port},bind=127.0.0.1,reuseaddr,fork",
            f"TCP:127.0.0.1:{to}",
        ]
        self._process: subprocess.Popen[bytes] | None = None
        self.address = f"127.0.0.1:{port}"

    def open(self) -> None:
        command = ["setpriv", "--pdeathsig", "TERM", *self._command]
        self._process = subprocess.Popen(command, start_new_session=True)
        until(lambda: tunnel.answers(self._port), "the way is open")

    def close(self) -> None:
        """Also for those who are on their way."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGTERM)
            self._process.wait()
            self._process = None
