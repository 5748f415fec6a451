"""Several environments of one project, each with a release on its way that is held where its cell
says: one fault then hits them all."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import psycopg

from fairlead.model import Release, ReleaseState, StepName
from tests.bench.bench import ENGINE, Bench, free_port
from tests.bench.dying import FlowProcess, Gates, Watch, flow_process, gates, until, watch
from tests.bench.saved import as_url, database_on, wrapped
from tests.faults.cells import Cell, Moment

PATIENCE = 120  # seconds for what many releases do at once
Start = Callable[..., AbstractContextManager[FlowProcess]]  # as flow_process
DRILL = Cell(Moment.DURING, StepName.BACKUP_DATABASE)


@dataclass(frozen=True)
class Place:
    """Where the environments are: the host as the config names it, the engine as it really is, and,
    by port, the way its users come where that is not this machine's network. `config` goes into the
    project's."""

    host: Any
    engine: docker.DockerClient
    bind: str = "127.0.0.1"
    way: Callable[[int], Path] | None = None
    config: Mapping[str, Any] = field(default_factory=dict)


class Ground:
    """`databases` are those of the environments, by name; `environ` has their addresses."""

    def __init__(
        self, bench: Bench, cells: Sequence[Cell], place: Place, databases: Mapping[str, str]
    ) -> None:
        self.bench, self.cells, self.place, self.databases = bench, cells, place, databases
        self.ports = {one.environment: free_port() for one in cells}
        self.backups, self.go = bench.folder / "backups", bench.folder / "go"
        bench.environ |= {_variable(name): as_url(url) for name, url in databases.items()}
        environments = {name: self._environment(name) for name in self.ports}
        bench.configure(
            services={"web": {"health": {"timeout": PATIENCE}}},
            migrations={"timeout": PATIENCE},
            environments={"dev": None, **environments},
            **place.config,
        )

    def _environment(self, name: str) -> dict[str, Any]:
        return self.bench.environment(
            self.ports[name],
            hosts=[self.place.host],
            bind=self.place.bind,
            database={"url": f"env:{_variable(name)}"},
            backup={"place": str(self.backups), **self._drill(name)},
        )

    def _drill(self, environment: str) -> dict[str, Any]:
        """It does not come to its end before there is the file `go`."""
        if environment != DRILL.environment:
            return {}
        wait = f'[ -z "$base" ] || while [ ! -e {self.go} ]; do sleep 0.1; done'
        programs = wrapped(self.bench.folder, major=15, before={"pg_restore": wait})
        return {"drill": True, "programs": programs}

    # -- releases -----------------------------------------------------------------------------

    def release_all(self, version: str) -> None:
        """At once in all environments; each has to succeed."""
        self.go.touch()
        with flows(self.bench, self._pushed(version)) as running:
            for name, flow in running.items():
                flow.process.join(PATIENCE)
                assert not flow.alive(), f"{version} in {name} does not end:\n{flow.output()}"
                release = flow.release()
                good = release.state is ReleaseState.SUCCEEDED
                assert good, f"{version} in {name}: {release.error}\n{flow.output()}"

    @contextmanager
    def held(self, version: str, start: Start = flow_process) -> Iterator["Held"]:
        """A release of it in each environment, all of them where their cells say."""
        shas = {
            one.environment: self._push(version, one.environment, **_waiting(one))
            for one in self.cells
        }
        self.go.unlink()
        with ExitStack() as stack:
            closed = stack.enter_context(gates(self.bench))
            for one in self.cells:
                _close(closed, one)
            running = stack.enter_context(flows(self.bench, shas, start))
            made = Held(self, closed, running)
            until(made.all_there, "every release is held", PATIENCE)
            yield made

    def _pushed(self, version: str) -> dict[str, str]:
        return {name: self._push(version, name) for name in self.ports}

    def _push(self, version: str, environment: str, **settings: str) -> str:
        return self.bench.push(version, environment=environment, **settings)

    # -- looking ------------------------------------------------------------------------------

    @contextmanager
    def watched(self) -> Iterator[dict[str, Watch]]:
        way = self.place.way
        with ExitStack() as stack:
            yield {
                name: stack.enter_context(watch(self.bench, port, way(port) if way else None))
                for name, port in self.ports.items()
            }

    def containers(self, environment: str, *, running: bool = False) -> list[str]:
        """All of the environment, whatever they are for."""
        filters: dict[str, Any] = {"label": self._labels(environment)}
        found = self.place.engine.containers.list(
            all=not running, filters=filters, ignore_removed=True
        )
        return sorted(str(one.name) for one in found)

    def networks(self, environment: str) -> list[str]:
        found = self.place.engine.networks.list(filters={"label": self._labels(environment)})
        return sorted(str(one.name) for one in found)

    def _labels(self, environment: str) -> list[str]:
        return [f"fairlead.project={self.bench.project}", f"fairlead.environment={environment}"]


class Held:
    """Releases that are where their cells say, and what keeps them there."""

    def __init__(self, ground: Ground, closed: Gates, flows: Mapping[str, FlowProcess]) -> None:
        self.ground, self.gates, self.flows = ground, closed, flows

    def all_there(self) -> bool:
        for name, flow in self.flows.items():
            assert flow.alive(), f"{name} has ended by itself:\n{flow.output()}"
        at_gates = [one for one in self.ground.cells if one.moment is not Moment.DURING]
        inside = [one for one in self.ground.cells if one.moment is Moment.DURING]
        return len(self.gates.waiting()) == len(at_gates) and all(map(self._is_inside, inside))

    def _is_inside(self, one: Cell) -> bool:
        if one == DRILL:
            return len(databases_like(self.ground.databases[one.environment])) == 2
        return bool(self._own_containers(one.environment))

    def _own_containers(self, environment: str) -> list[Any]:
        """Those that the release has started: a job, or the new version of the service."""
        release = self.flows[environment]
        found = self.ground.bench.read(lambda store: store.releases.of_request(release.request))
        if found is None:
            return []
        label = [f"fairlead.environment={environment}", f"fairlead.origin={found.id}"]
        label.append(f"fairlead.project={self.ground.bench.project}")
        containers: list[Any] = self.ground.place.engine.containers.list(
            filters={"label": label}, ignore_removed=True
        )
        return containers

    def let_go(self) -> None:
        """Open every gate; what the fault has ended is not held any more."""
        self.gates.open()
        self.ground.go.touch()
        for one in self.ground.cells:
            if one.moment is Moment.DURING and self.flows[one.environment].alive():
                for container in self._own_containers(one.environment):
                    container.exec_run(["touch", "/go"])

    def over(self, seconds: float) -> dict[str, float]:
        """Wait for the end of every flow, and until its lease is free: how long the one came after
        the other, in seconds."""
        ended: dict[str, float] = {}
        free: dict[str, float] = {}
        bench = self.ground.bench
        with bench.store() as store:

            def look() -> bool:
                live = {lease.environment for lease in store.leases.live(bench.project)}
                now = time.monotonic()
                for name, flow in self.flows.items():
                    if not flow.alive():
                        ended.setdefault(name, now)
                        if name not in live:
                            free.setdefault(name, now)
                return len(free) == len(self.flows)

            until(look, "every flow has ended, and its lease is free", seconds)
        return {name: free[name] - ended[name] for name in free}

    def releases(self) -> dict[str, Release]:
        return {name: flow.release() for name, flow in self.flows.items()}


@contextmanager
def grounded(
    bench: Bench, cells: Sequence[Cell], place: Place | None, server: str
) -> Iterator[Ground]:
    """With a database for each environment on the PostgreSQL server at `server`."""
    with ExitStack() as stack:
        databases = {
            one.environment: stack.enter_context(database_on(server, rows=100)) for one in cells
        }
        yield Ground(bench, cells, place or Place(ENGINE, bench.engine), databases)


@contextmanager
def flows(
    bench: Bench, shas: Mapping[str, str], start: Start = flow_process
) -> Iterator[dict[str, FlowProcess]]:
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(start(bench, "release", environment=name, sha=sha))
            for name, sha in shas.items()
        }


def _variable(environment: str) -> str:
    return f"DB_{environment.upper().replace('-', '_')}"


def _waiting(one: Cell) -> dict[str, str]:
    """The settings of a version that is held by itself, until it finds a file."""
    if one.moment is not Moment.DURING:
        return {}
    return {StepName.MIGRATE: {"MIGRATE": "waits"}, StepName.DEPLOY: {"BEHAVIOUR": "waits"}}.get(
        one.step, {}
    )


def _close(closed: Gates, one: Cell) -> None:
    if one.moment is Moment.BEFORE:
        closed.before(one.step, one.environment)
    if one.moment is Moment.AFTER:
        closed.after(one.step, one.environment)


def databases_like(url: str) -> list[str]:
    """Those whose names begin like its own: scratch databases are made beside it."""
    with psycopg.connect(url) as connection:
        rows = connection.execute(
            "select datname from pg_database where starts_with(datname, current_database())"
        ).fetchall()
    return sorted(str(row[0]) for row in rows)
