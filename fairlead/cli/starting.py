"""Starting a flow: at the configured Prefect API, or in a process of its own beside this one."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO, Any, Protocol, cast

from fairlead.errors import PrefectUnreachable

PATIENCE = 20  # seconds without a worker before we say so


class Started(Protocol):
    """A flow that was started somewhere; `ends_with_us` when Ctrl-C here ends it."""

    ends_with_us: bool

    def ended(self) -> str | None:
        """How the flow ended, in its own words; None while it goes on."""

    def waiting(self, what: str) -> str | None:
        """What to tell somebody who has waited long for `what`, a release or a refresh, and seen
        nothing happen."""

    def interrupt(self, what: str) -> str:
        """Ctrl-C was pressed here; what that means for it."""


@contextmanager
def beginning(flow: str, config: str | None, *, in_process: bool) -> Iterator["Child | None"]:
    """The process that will run the flow, where it runs here: it gets ready, which takes two
    seconds, while the block finds out whether it is to be started. One that was not ends."""
    if not in_process and configured_api():
        yield None
        return
    child = Child(flow, config)
    try:
        yield child
    finally:
        child.give_up()


def start(
    flow: str, environment: str, parameters: dict[str, Any], child: "Child | None"
) -> Started:
    """In the process of `beginning`, or at the configured API. Raises PrefectUnreachable."""
    if child is not None:
        child.begin(parameters)
        return child
    return submit(str(configured_api()), f"{flow}/{environment}", parameters)


def configured_api() -> str | None:
    """PREFECT_API_URL, from the environment or the active profile."""
    if os.environ.get("PREFECT_API_URL"):
        return os.environ["PREFECT_API_URL"]
    from prefect.settings import get_current_settings  # noqa: PLC0415 costs a second

    return get_current_settings().api.url


def configured_auth() -> str | None:
    """PREFECT_API_AUTH_STRING, likewise."""
    if os.environ.get("PREFECT_API_AUTH_STRING"):
        return os.environ["PREFECT_API_AUTH_STRING"]
    from prefect.settings import get_current_settings  # noqa: PLC0415 costs a second

    auth = get_current_settings().api.auth_string
    return auth.get_secret_value() if auth else None


class Submitted:
    """A run that Prefect knows, made by whichever worker takes it."""

    ends_with_us = False

    def __init__(self, run: str | uuid.UUID, pool: str | None = None) -> None:
        from prefect.client.orchestration import get_client  # noqa: PLC0415

        self._began, self._asked, self._ended = time.monotonic(), 0.0, cast(str | None, None)
        self._away, self._pool = False, pool
        self._client = get_client(sync_client=True)
        self._run = uuid.UUID(str(run))

    def ended(self) -> str | None:
        if time.monotonic() - self._asked > 1 and self._ended is None:
            self._asked = time.monotonic()
            self._ask()
        return self._ended

    def _ask(self) -> None:
        """A Prefect that goes away meanwhile ends nothing: the store is what is followed."""
        import httpx  # noqa: PLC0415

        try:
            state = self._client.read_flow_run(self._run).state
        except httpx.HTTPError:
            self._away = True
            return
        self._away = False
        if state is not None and state.is_final():
            self._ended = f"{state.name}: {state.message or ''}"

    def waiting(self, what: str) -> str | None:
        if self._away:
            return f"Prefect does not answer any more; the {what} is followed in the store."
        if time.monotonic() - self._began < PATIENCE:
            return None
        return (
            f"No worker has taken the run for {PATIENCE} s. Is one running? "
            f"fairlead worker {self._pool or 'POOL'}"
        )

    def interrupt(self, what: str) -> str:
        look = "fairlead history" if what == "release" else f"fairlead {what} history"
        return f"The {what} goes on. Look at it: {look}. Stop it: cancel it in Prefect."


def submit(api: str, deployment: str, parameters: dict[str, Any]) -> Submitted:
    """A new run of the environment's deployment. Raises PrefectUnreachable."""
    import httpx  # noqa: PLC0415
    from prefect.client.orchestration import get_client  # noqa: PLC0415
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError  # noqa: PLC0415

    try:
        with get_client(sync_client=True) as client:
            found = client.read_deployment_by_name(deployment)
            run = client.create_flow_run_from_deployment(
                found.id, parameters=parameters, idempotency_key=parameters["request_id"]
            )
    except ObjectNotFound as error:
        why = f"it has no deployment {deployment}; make it with: prefect deploy --all"
        raise PrefectUnreachable(api, why) from error
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        raise PrefectUnreachable(api, str(error) or type(error).__name__) from error
    return Submitted(run.id, found.work_pool_name)


class Child:
    """The flow in a process of its own, so that Ctrl-C reaches this one and the flow can put
    things back. Its parameters go through standard input, what it prints into a file.

    flows/running.py says which API of Prefect it uses.
    """

    ends_with_us = True

    def __init__(self, flow: str, config: str | None) -> None:
        self._output: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 it lives as long as this
        self._process = subprocess.Popen(  # noqa: S603 our own module
            [sys.executable, "-m", "flows", flow],
            stdin=subprocess.PIPE,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **({"FAIRLEAD_CONFIG": config} if config else {})},
        )
        self._begun = False

    def begin(self, parameters: dict[str, Any]) -> None:
        """One that has died by now is told by `ended`."""
        assert self._process.stdin is not None
        self._begun = True
        with suppress(BrokenPipeError), self._process.stdin as given:
            given.write(json.dumps(parameters).encode())

    def give_up(self) -> None:
        """Have it end where it has not begun."""
        if not self._begun:
            self._process.kill()
            self._process.communicate()

    def ended(self) -> str | None:
        code = self._process.poll()
        if code is None:
            return None
        if code == 0:
            return "Completed"
        self._output.seek(0)
        tail = self._output.read()[-4000:].decode("utf-8", "replace").strip().splitlines()[-20:]
        return "\n".join([f"the flow's process ended with {code}", *tail])

    def waiting(self, what: str) -> str | None:
        return None

    def interrupt(self, what: str) -> str:
        self._process.send_signal(signal.SIGTERM)
        return f"Interrupted: the {what} is being put back. Press Ctrl-C again to stop watching."
