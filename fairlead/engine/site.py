"""One environment on one host: its network, its proxy, its containers.

Every change here can be made again, and has its undo: start and remove, switch and switch back,
stop and start.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import docker
from docker.models.containers import Container
from pydantic import SecretStr

from fairlead.config import Config, Host, Service
from fairlead.engine import images as engine_images
from fairlead.engine.at_once import at_once
from fairlead.engine.connect import connect, engine_errors
from fairlead.engine.dial import build_request
from fairlead.engine.outside import LARGEST, excerpt
from fairlead.engine.proxy import ProxyOnHost
from fairlead.engine.target import (
    LABEL,
    PREVIEW,
    Target,
    archive,
    container,
    container_name,
    labels,
    prefix,
    rendered,
)
from fairlead.errors import ContainerFailed, EngineError, HostUnreachable, ProxyError
from fairlead.model import Image, Kept

Say = Callable[[str], None]
# Name and password for the registry, asked for when something has to be pulled.
Login = Callable[[], tuple[str, SecretStr] | None]
# Comes back after a restart of the engine or the host, unless we stopped it. `unless-stopped` says
# the same, but an engine that was killed takes what it finds running for stopped by hand.
KEEP_RUNNING: Any = {"Name": "always"}
STAY_STOPPED: Any = {"Name": "no"}
RESTART = 20.0  # seconds that an engine may take to come back
TAIL = 20  # lines of a container's log that an error shows


class Site:
    """The environment as it is on `host`. Raises HostUnreachable when its engine is away."""

    def __init__(
        self,
        config: Config,
        environment: str,
        host: Host,
        *,
        redact: Callable[[str], str],
        login: Login,
    ) -> None:
        self.host = host.name
        self.redact = redact
        self._login = login
        self.address = host.outside
        self.environment = environment
        self._where = host
        self._config = config
        self._turn = 0  # grows with each interruption; what began before it ends
        self._prefix = prefix(config, environment)
        self._use(connect(host))

    def _use(self, client: docker.DockerClient) -> None:
        self.client = client
        self.proxy = ProxyOnHost(client, self._prefix, self.environment, self.host)

    def connect_again(self, patience: float = RESTART) -> None:
        """What was open may lead nowhere any more; an engine that restarts is waited for.

        Raises HostUnreachable.
        """
        self.close()
        deadline = time.monotonic() + patience
        while True:
            try:
                self._use(connect(self._where, called=self.host))
            except HostUnreachable:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
            else:
                return

    def close(self) -> None:
        self.client.close()

    # -- what is there ------------------------------------------------------------------------

    def containers(self, role: str = "service") -> list[Container]:
        """All of this environment, running or not."""
        wanted = [f"{key}={value}" for key, value in self._labels(role).items()]
        with engine_errors(self.host, "list containers"):
            return self.client.containers.list(
                all=True, filters={"label": wanted}, ignore_removed=True
            )

    def origins(self) -> set[int]:
        """The releases that have containers here."""
        return {_origin(found) for found in self.containers()}

    def containers_of(self, origin: int) -> list[Container]:
        """Those of one release."""
        return [found for found in self.containers() if _origin(found) == origin]

    def runs(self, target: Target) -> bool:
        """True when every container of the target runs, and the proxy serves nothing else."""
        running = {found.name for found in self.containers() if found.status == "running"}
        wanted = {name for service in target.config.services for name in target.names(service)}
        routed = any(service.routes for service in target.config.services.values())
        if not wanted <= running:
            return False
        try:
            return self.proxy.serving() == ({target.origin} if routed else set())
        except ProxyError:
            return False

    # -- changing it --------------------------------------------------------------------------

    def prepare(self, config: Config) -> str:
        """Have the network, and the proxy as `config` wants it; what was done."""
        self.have_network()
        return f"{self.host}: {self.proxy.ensure(config)}"

    def have_network(self) -> None:
        with engine_errors(self.host, f"create the network {self._prefix}"):
            if not self.client.networks.list(names=[f"^{self._prefix}$"]):
                self.client.networks.create(
                    self._prefix, labels=self._labels("network"), check_duplicate=True
                )

    def pull(self, images: Iterable[Image]) -> int:
        """Have the images; how many had to be pulled. Raises ImageNotPulled."""
        login = self._login()
        return sum(engine_images.pull(self.client, image, self.host, login) for image in images)

    def interrupt(self) -> None:
        """Have whatever still starts containers here, in a thread nobody waits for, give up."""
        self._turn += 1

    def start(self, target: Target, say: Say) -> None:
        """Have the target's containers run beside whatever runs, and wait until all are healthy:
        those that ran before once, those that are started as often as their config wants it.

        Raises ContainerFailed.
        """
        turn = self._turn
        for level in target.levels():
            started = [
                (service, *self._started(target, service, at + 1, turn))
                for service in level
                for at in range(target.config.services[service].replicas)
            ]
            at_once(lambda one: self._await_healthy(target, *one, turn, say), started)

    def switch(self, target: Target, say: Say) -> None:
        """Send requests to the target's containers from now on; services without a port change
        over at the same moment."""
        self.proxy.route_to(target)
        say(f"{self.host}: the proxy sends requests to release {target.origin}")
        workers = [
            found
            for found in self.containers()
            if _origin(found) != target.origin and not found.labels[f"{LABEL}port"]
        ]
        self._stop(workers, say)

    def is_well(self, target: Target, service: str) -> bool:
        """Whether all containers of the service run and are healthy now."""
        return all(
            found.status == "running"
            and self.problem(target, target.config.services[service], found) is None
            for found in self._all_of(target, service)
        )

    def restart(self, target: Target, service: str, say: Say) -> None:
        """One container after the other, each healthy before the next; meanwhile the router sends
        requests to the others, or waits for the only one. Raises ContainerFailed."""
        for found in self._all_of(target, service):
            with engine_errors(self.host, f"restart {found.name}"):
                found.restart(timeout=max(1, round(target.config.services[service].stop_grace)))
            say(f"{self.host}: {found.name} is restarted")
            passes = target.config.services[service].health.passes
            self._await_healthy(target, service, found, passes, self._turn, say)

    def _all_of(self, target: Target, service: str) -> list[Container]:
        names = target.names(service)
        with engine_errors(self.host, f"find {', '.join(names)}"):
            return [self.client.containers.get(name) for name in names]

    def retire(self, current: int, keep: Kept | None, say: Say) -> None:
        """Drain what is not of the release `current`. The containers of `keep` stay, stopped or on
        standby; the others are removed."""
        old = [found for found in self.containers() if _origin(found) != current]
        stay = [found for found in old if keep is not None and _origin(found) == keep.origin]
        ready = [found for found in stay if keep and keep.standby and found.labels[f"{LABEL}port"]]
        self._stop([found for found in old if found not in ready], say)
        at_once(lambda found: self._stands_by(found, say), _running(ready))
        for found in old:
            if found not in stay:
                self._remove(found)

    def end_standby(self, origin: int, say: Say) -> None:
        """Stop what stands by, and gets no requests."""
        ready = _running(self.containers_of(origin))
        if ready and origin not in self.proxy.serving():
            self._stop(ready, say)

    def remove(self, origin: int, say: Say) -> None:
        """Stop and remove the containers of a release that is not served any more."""
        mine = self.containers_of(origin)
        self._stop(mine, say)
        for found in mine:
            self._remove(found)

    def clear(self, say: Say) -> None:
        """Leave nothing of the environment here but the volumes of its services.

        The proxy goes first: requests that go on coming would keep what is drained busy.
        """
        self.proxy.remove()
        for origin in self.origins():
            self.remove(origin, say)
        self.end_jobs()
        with engine_errors(self.host, f"remove the network {self._prefix}"):
            for network in self.client.networks.list(names=[f"^{self._prefix}$"]):
                network.remove()

    def end_jobs(self, *, but_previews: bool = False) -> list[str]:
        """Kill and remove one-off containers that a run has left; their names. A preview is no
        release: it may go on beside one."""
        left = [
            found
            for found in self.containers("job")
            if not (but_previews and _origin(found) == PREVIEW)
        ]
        for found in left:
            self._remove(found)
        return [found.name or "" for found in left]

    # -- one container ------------------------------------------------------------------------

    def _started(
        self, target: Target, service: str, replica: int, turn: int
    ) -> tuple[Container, int]:
        """And how often it has to be healthy."""
        name = container_name(target.prefix, service, target.origin, replica)
        with engine_errors(self.host, f"start {name}"):
            found = self.client.containers.list(all=True, filters={"name": f"^/{name}$"})
            made = found[0] if found else self._created(target, service, replica)
            self._go_on(turn)
            if made.status == "running":
                return made, 1
            made.start()
            made.reload()
        return made, target.config.services[service].health.passes

    def _created(self, target: Target, service: str, replica: int) -> Container:
        files = rendered(target, service)
        self.pull([target.images[service]])  # going back may need one that was cleared away
        made = self.client.containers.create(**container(target, service, replica))
        for network in target.settings.networks:
            self.client.networks.get(network).connect(made)
        if files:
            made.put_archive("/", archive(files))
        return made

    def _await_healthy(
        self, target: Target, name: str, made: Container, passes: int, turn: int, say: Say
    ) -> None:
        """Poll until it is healthy `passes` times in a row. Raises ContainerFailed."""
        service, began = target.config.services[name], time.monotonic()
        passed, why = 0, "it was never asked"
        while passed < passes:
            self._go_on(turn)
            self._still_runs(name, made)
            problem = self.problem(target, service, made)
            passed, why = (passed + 1, "") if problem is None else (0, problem)
            if time.monotonic() - began > service.health.timeout:
                raise ContainerFailed(
                    name,
                    self.host,
                    f"was not healthy within {service.health.timeout:g} s: {why}",
                    self._tail(made),
                )
            if passed < passes:
                time.sleep(service.health.interval)
        with engine_errors(self.host, f"keep {made.name} running"):
            made.update(restart_policy=KEEP_RUNNING)
        say(f"{self.host}: {made.name} is healthy after {time.monotonic() - began:.1f} s")

    def _go_on(self, turn: int) -> None:
        if turn != self._turn:
            raise EngineError(self.host, "go on", "the release was interrupted")

    def _still_runs(self, service: str, made: Container) -> None:
        with engine_errors(self.host, f"look at {made.name}"):
            made.reload()
        state = made.attrs["State"]
        if state["Status"] in ("exited", "dead"):
            raise ContainerFailed(service, self.host, how_it_ended(state), self._tail(made))

    def problem(self, target: Target, service: Service, made: Container) -> str | None:
        """Why it is not healthy now, or None."""
        health = service.health
        if service.port is None:
            state = made.attrs["State"].get("Health", {}).get("Status", "healthy")
            return None if state == "healthy" else f"its HEALTHCHECK is {state}"
        request = build_request("GET", health.path, health.host or target.settings.domain)
        try:
            answer = self.proxy.ask((made.name or "", service.port), request, timeout=5)
        except ProxyError as error:
            return str(error.__cause__ or error)
        if answer.status != health.status:
            return (
                f"{health.path} answered {answer.status}, not {health.status}"
                f"{excerpt(self.redact(answer.text[:LARGEST]))}"
            )
        if health.body is not None and health.body not in answer.text:
            return f'{health.path} does not contain "{health.body}"'
        return None

    def _stop(self, old: list[Container], say: Say) -> None:
        at_once(lambda found: self._drained_and_stopped(found, say), _running(old))

    def _stands_by(self, old: Container, say: Say) -> None:
        """It runs on, and nobody asks it. What stays open longer than it may is cut off, as where
        it is stopped: else a WebSocket would stay with the old version."""
        left = self._drain(old)
        if left:
            with engine_errors(self.host, f"restart {old.name}"):
                old.restart(timeout=_grace(old))
        cut = f"; it was restarted, {left} requests were cut off" if left else ""
        say(f"{self.host}: {old.name} goes on running, to go back to{cut}")

    def _drained_and_stopped(self, old: Container, say: Say) -> None:
        left = self._drain(old)
        with engine_errors(self.host, f"stop {old.name}"):
            old.update(restart_policy=STAY_STOPPED)
            old.stop(timeout=_grace(old))
        say(
            f"{self.host}: {old.name} stopped" + (f", {left} requests were cut off" if left else "")
        )

    def _drain(self, old: Container) -> int:
        """Wait until the proxy has no request open there; how many were left in the end."""
        if not old.labels[f"{LABEL}port"]:
            return 0
        address = old.attrs["NetworkSettings"]["Networks"].get(self._prefix, {}).get("IPAddress")
        deadline = time.monotonic() + float(old.labels[f"{LABEL}drain"])
        while address:
            open_now = self.proxy.connections(address, int(old.labels[f"{LABEL}port"]))
            if open_now == 0 or time.monotonic() > deadline:
                return open_now
            time.sleep(0.2)
        return 0

    def _remove(self, found: Container) -> None:
        with engine_errors(self.host, f"remove {found.name}"):
            found.remove(force=True, v=True)

    def _tail(self, made: Container) -> list[str]:
        text = bytes(made.logs(tail=TAIL)).decode("utf-8", "replace")
        return self.redact(text).splitlines()

    def _labels(self, role: str) -> dict[str, str]:
        return labels(self._config, self.environment, role)


def how_it_ended(state: Mapping[str, Any]) -> str:
    """In words, from the `State` of a container that does not run."""
    if state.get("OOMKilled"):
        return "was killed: out of memory"
    return f"exited with {state['ExitCode']}"


def _running(found: Iterable[Container]) -> list[Container]:
    return [one for one in found if one.status in ("running", "restarting", "paused")]


def _grace(found: Container) -> int:
    """Seconds until what does not stop is killed: Docker takes whole ones."""
    return max(1, round(float(found.labels[f"{LABEL}stop_grace"])))


def _origin(found: Container) -> int:
    return int(found.labels[f"{LABEL}origin"])
