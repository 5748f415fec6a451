"""Flows in processes of their own, stopped at a known place: between a step's act and its record.

Nothing in the product knows of this: a trigger in the test's store makes the flow wait for a lock.
"""

import multiprocessing
import os
import signal
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg

from fairlead.courier import deliver
from fairlead.lease import hold
from fairlead.model import Release, StepName
from fairlead.project import Project
from fairlead.recovery import settle
from tests.bench.bench import Bench
from tests.bench.forked import run_flow

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.bench.forked"])
PATIENCE = 120  # seconds until a process has to be where it is awaited
_GATES = """
create schema if not exists gates;
create table if not exists gates.gate (environment text, step text, moment text);
create or replace function gates.wait() returns trigger language plpgsql as $$
begin
  if exists (
    select from gates.gate g join fairlead.release r on r.environment = g.environment
    where r.id = new.release and g.step = new.name and g.moment = tg_op
  ) then
    perform pg_advisory_xact_lock_shared(1);
  end if;
  return new;
end $$;
create or replace trigger wait before insert or update on fairlead.step
  for each row execute function gates.wait();
"""


class Gates:
    """Closed gates on the way of the test's flows: where a step's intent or outcome is written."""

    def __init__(self, store_url: str) -> None:
        self._store_url = store_url
        self._connection = psycopg.connect(store_url, autocommit=True)
        self._connection.execute(_GATES)
        self._connection.execute("select pg_advisory_lock(1)")

    def before(self, step: StepName, environment: str = "dev") -> None:
        """Nobody writes the step's intent."""
        self._close(environment, step, "INSERT")

    def after(self, step: StepName, environment: str = "dev") -> None:
        """The step acts, and nobody writes its outcome."""
        self._close(environment, step, "UPDATE")

    def _close(self, environment: str, step: StepName, moment: str) -> None:
        self._connection.execute(
            "insert into gates.gate values (%s, %s, %s)", (environment, step, moment)
        )

    def waiting(self) -> list[int]:
        """The server processes of those who wait at a gate."""
        rows = self._connection.execute(
            "select pid from pg_stat_activity where datname = current_database() "
            "and wait_event_type = 'Lock' and wait_event = 'advisory'"
        ).fetchall()
        return [int(row[0]) for row in rows]

    def drop_waiting(self) -> None:
        """End the connections of those who wait, who were killed: their writing never happened."""
        for pid in self.waiting():
            self._connection.execute("select pg_terminate_backend(%s, 5000)", (pid,))

    def forget(self) -> None:
        """Take the gates away; who waits goes on waiting."""
        self._connection.execute("delete from gates.gate")

    def open(self) -> None:
        """Take the gates away and let everybody go on."""
        self.forget()
        self._connection.execute("select pg_advisory_unlock(1)")

    def connect_again(self) -> None:
        """After a restart of the store, which has ended everybody's waiting."""
        self.close()
        self._connection = psycopg.connect(self._store_url, autocommit=True)

    def close(self) -> None:
        self._connection.close()


@contextmanager
def gates(bench: Bench) -> Iterator[Gates]:
    made = Gates(bench.store_url)
    try:
        yield made
    finally:
        made.close()


class FlowProcess:
    """A flow in a process of its own, forked from one that has imported it already: what this
    saves of each start is most of it."""

    def __init__(self, bench: Bench, flow: str, **parameters: Any) -> None:
        self.request = str(parameters.pop("request_id", uuid.uuid4()))
        self._bench = bench
        self._output = bench.folder / f"{uuid.uuid4()}.log"
        asked = {**parameters, "requested_by": "tester", "request_id": self.request}
        self.process = _FORKS.Process(
            target=self.runs(), args=(bench.environ, flow, asked, str(self._output))
        )
        self.process.start()

    def runs(self) -> Callable[..., None]:
        """What the process does."""
        return run_flow

    def send(self, number: signal.Signals) -> None:
        assert self.process.pid is not None
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        """kill -9, and wait until the kernel has done it."""
        assert self.process.is_alive(), f"it has ended by itself:\n{self.output()}"
        self.process.kill()
        self.process.join()

    def alive(self) -> bool:
        return self.process.is_alive()

    def ended(self) -> int | None:
        """Wait for its end; its exit code."""
        self.process.join(PATIENCE)
        return self.process.exitcode

    def release(self) -> Release:
        found = self._bench.read(lambda store: store.releases.of_request(self.request))
        assert isinstance(found, Release), f"it made no release:\n{self.output()}"
        return found

    def output(self) -> str:
        return self._output.read_text(errors="replace")

    def end(self) -> None:
        """However the test went, nothing of it goes on."""
        self.process.kill()
        self.process.join()


@contextmanager
def flow_process(bench: Bench, flow: str, **parameters: Any) -> Iterator[FlowProcess]:
    made = FlowProcess(bench, flow, **parameters)
    try:
        yield made
    finally:
        made.end()


def until(true: Callable[[], object], what: str, seconds: float = PATIENCE) -> float:
    """Wait for something to be true; the seconds it took."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds, f"after {seconds:g} s still not: {what}"
        time.sleep(0.05)
    return time.monotonic() - began


@contextmanager
def opened(bench: Bench) -> Iterator[Project]:
    """The test's project in this process."""
    with bench.acting():
        project = Project.open(bench.folder / "fairlead.toml", bench.environ)
        try:
            yield project
        finally:
            project.close()


def settled(bench: Bench, environment: str = "dev", wait: float = 0) -> str | None:
    """What `fairlead settle` does, in this process, which is quicker."""
    with opened(bench) as project:
        name, ttl = project.config.project, project.config.lease_ttl
        with hold(project.store, name, environment, ttl=ttl, wait=wait) as held:
            done = settle(project, environment, held)
        deliver(project, project.senders(environment))
        return done


def due(bench: Bench) -> None:
    """Time passes until what waits is tried again."""
    with psycopg.connect(bench.store_url) as connection:
        connection.execute(
            "update fairlead.outbox set next_try_at = now(), claimed_until = now() - interval '1 s'"
            " where ended_at is null"
        )


@contextmanager
def holding(bench: Bench) -> Iterator[None]:
    """Somebody else has the lease of dev."""
    with opened(bench) as project, hold(project.store, bench.project, "dev", ttl=30):
        yield


class Watch:
    """Somebody who asks the environment ten times a second, and keeps what came back. They come
    through the file `socket` where given, by another way than this machine's network."""

    def __init__(self, bench: Bench, port: int | None = None, socket: Path | None = None) -> None:
        self.answers: list[str] = []
        self._bench, self._port = bench, port or bench.port
        self._way = httpx.HTTPTransport(uds=str(socket)) if socket else httpx.HTTPTransport()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        headers = {"Host": f"{self._bench.project}.localhost"}
        where = f"http://127.0.0.1:{self._port}"
        with httpx.Client(
            base_url=where, headers=headers, timeout=15, trust_env=False, transport=self._way
        ) as client:
            while not self._end.wait(0.1):
                try:
                    answer = client.get("/")
                except httpx.HTTPError as error:
                    self.answers.append(f"{type(error).__name__}: {error}")
                else:
                    good = answer.status_code == 200
                    self.answers.append(answer.text if good else f"{answer.status_code}")

    def end(self) -> None:
        self._end.set()
        self._thread.join()

    def stop(self) -> list[str]:
        """The answers in their order, the same one after the other only once."""
        self.end()
        assert len(self.answers) > 5, Counter(self.answers)
        changes = zip(["", *self.answers], self.answers, strict=False)
        return [now for before, now in changes if now != before]


@contextmanager
def watch(bench: Bench, port: int | None = None, socket: Path | None = None) -> Iterator[Watch]:
    made = Watch(bench, port, socket)
    try:
        yield made
    finally:
        made.end()
