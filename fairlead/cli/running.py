"""up: everything that releases need, on one machine, in the foreground."""

import os
import signal
import sys
import threading
import time
from pathlib import Path

import click

from fairlead.cli.context import project
from fairlead.cli.failing import echo
from fairlead.cli.listening import listening
from fairlead.cli.parts import Parts
from fairlead.cli.starting import configured_auth
from fairlead.config import find
from fairlead.errors import PrefectUnreachable
from fairlead.project import Project

START = 180.0  # seconds; the first time Prefect's server makes its database
POOL = "fairlead"
WEEK = 7 * 86_400  # seconds: what is being released gets as long as it takes
SQLITE = """\
Prefect keeps its runs in SQLite, which is for trying: it turns runs away that come back to back.
For more, give it a PostgreSQL: PREFECT_API_DATABASE_CONNECTION_URL=postgresql+asyncpg://…"""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where Prefect listens.")
@click.option(
    "--port",
    type=click.IntRange(1, 65_535),
    default=4200,
    show_default=True,
    help="Its port.",
)
@click.pass_context
def up(ctx: click.Context, host: str, port: int) -> None:
    """Start the store, Prefect with a deployment of each environment, and GitHub's receiver where
    the config has one; stop them on Ctrl-C, once what is being released has ended."""
    stopped = _Stopped()
    with project(ctx) as opened:
        with listening(host, port):
            pass  # it is free
        api = f"http://{host}:{port}/api"
        environ = _environ(api, find(ctx.obj["config"]))
        with Parts(environ, hurry=stopped.again) as parts:  # it also ends when one of them does
            _start(opened, parts, stopped, host, port, api)
            while not stopped.wait(0.5):
                parts.check()
            echo("Stopping.")
    echo("Everything has stopped. The embedded store, if it is used, goes on.")


class _Stopped(threading.Event):
    """Ctrl-C or SIGTERM came; `again` when it came twice."""

    def __init__(self) -> None:
        super().__init__()
        self.again = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._came())

    def _came(self) -> None:
        (self.again if self.is_set() else self).set()


def _environ(api: str, config: Path) -> dict[str, str]:
    return {
        **os.environ,
        "FAIRLEAD_CONFIG": str(config.resolve()),
        "PREFECT_API_URL": api,
        # The UI asks the API at port 4200 otherwise, whatever port the server has.
        "PREFECT_SERVER_UI_API_URL": api,
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        # Leases in memory are lost with the server, and their slots then leak for good.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": (
            "prefect.server.concurrency.lease_storage.filesystem"
        ),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        "PYTHONUNBUFFERED": "1",
    }


def _start(
    opened: Project, parts: Parts, stopped: _Stopped, host: str, port: int, api: str
) -> None:
    """Raises PartEnded, PrefectUnreachable."""
    python = [sys.executable, "-m"]
    echo(f"Starting Prefect at {api.removesuffix('/api')}")
    server = [*python, "prefect", "server", "start", "--host", host, "--port", str(port)]
    parts.start("prefect", server, grace=15, quiet=True)
    if not _answers(f"{api}/health", parts, stopped):
        return
    parts.start("notify", [*python, "fairlead", "notify"], grace=15, quiet=False)
    if opened.config.dispatch is not None:
        parts.start("github", [*python, "fairlead", "dispatch", "serve"], grace=15, quiet=False)
    worker = [*python, "fairlead", "worker", POOL, "--deploy", f"--drain={WEEK}"]
    parts.start("releases", worker, grace=None, quiet=False)  # it is the first to be stopped
    last = list(opened.config.environments)[-1]
    if _answers(f"{api}/deployments/name/rollback/{last}", parts, stopped):
        _introduce(opened, api)


def _answers(address: str, parts: Parts, stopped: _Stopped) -> bool:
    """Wait for it; False when we are told to stop. Raises PartEnded, PrefectUnreachable."""
    import httpx  # noqa: PLC0415

    name, _, password = (configured_auth() or "").partition(":")
    deadline, why = time.monotonic() + START, ""
    while time.monotonic() < deadline:
        parts.check()
        try:
            answer = httpx.get(address, auth=(name, password) if name else None, timeout=5)
        except httpx.HTTPError as error:
            why = str(error)
        else:
            if answer.is_success:
                return True
            why = f"{answer.status_code} {answer.reason_phrase}"
        if stopped.wait(0.2):
            return False
    raise PrefectUnreachable(address, why)


def _introduce(opened: Project, api: str) -> None:
    names = ", ".join(opened.config.environments)
    echo(f"Up: deployments of {names}. Ctrl-C stops it.")
    echo(f"  In a browser   {api.removesuffix('/api')}/deployments")
    echo(f"  From a shell   export PREFECT_API_URL={api}; fairlead release ENVIRONMENT SHA")
    if "PREFECT_API_DATABASE_CONNECTION_URL" not in os.environ:
        echo(SQLITE)
