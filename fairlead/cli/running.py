"""up: everything that releases need, on one machine, in the foreground."""

import os
import signal
import socket
import sys
import threading
import time
from contextlib import closing
from pathlib import Path

import click

from fairlead.cli.context import project
from fairlead.cli.parts import Parts
from fairlead.config import find
from fairlead.errors import PortTaken, PrefectUnreachable
from fairlead.model import Lease
from fairlead.project import Project

START = 180.0  # seconds; the first time Prefect's server makes its database
PUT_BACK = 60.0  # seconds that releases get to be put back; Prefect gives their processes 30
SQLITE = """\
Prefect keeps its runs in SQLite, which is for trying: it turns runs away that come back to back.
For more, give it a PostgreSQL: PREFECT_API_DATABASE_CONNECTION_URL=postgresql+asyncpg://…"""


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Where Prefect listens.")
@click.option("--port", type=click.IntRange(1, 65_535), default=4200, show_default=True)
@click.pass_context
def up(ctx: click.Context, host: str, port: int) -> None:
    """Start the store, Prefect with a deployment of each environment, and GitHub's receiver where
    the config has one; stop them on Ctrl-C, once what is being released has ended."""
    stopped = _Stopped()
    with project(ctx) as opened:
        _refuse_taken(host, port)
        api = f"http://{host}:{port}/api"
        with Parts(_environ(api, find(ctx.obj["config"]))) as parts:
            try:
                _start(opened, parts, stopped, host, port, api)
                while not stopped.wait(0.5):
                    parts.check()
            finally:  # also when one of them has ended by itself: a release is never cut off
                if not _drained(opened, stopped):
                    _put_back(opened, api)
                click.echo("Stopping.")
    click.echo("Everything has stopped. The embedded store, if it is used, goes on.")


class _Stopped(threading.Event):
    """Ctrl-C or SIGTERM came; `again` when it came twice."""

    def __init__(self) -> None:
        super().__init__()
        self.again = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: self._came())

    def _came(self) -> None:
        (self.again if self.is_set() else self).set()


def _refuse_taken(host: str, port: int) -> None:
    """Raises PortTaken."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(host, port, error.strerror or str(error)) from error


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
        "PYTHONUNBUFFERED": "1",
    }


def _start(
    opened: Project, parts: Parts, stopped: _Stopped, host: str, port: int, api: str
) -> None:
    """Raises PartEnded, PrefectUnreachable."""
    python = [sys.executable, "-m"]
    click.echo(f"Starting Prefect at {api.removesuffix('/api')}")
    server = [*python, "prefect", "server", "start", "--host", host, "--port", str(port)]
    parts.start("prefect", server, grace=15, quiet=True)
    if not _answers(f"{api}/health", parts, stopped):
        return
    parts.start("releases", [*python, "flows.serving"], grace=15, quiet=False)
    last = list(opened.config.environments)[-1]
    if not _answers(f"{api}/deployments/name/rollback/{last}", parts, stopped):
        return
    if opened.config.dispatch is not None:
        parts.start("github", [*python, "fairlead", "dispatch", "serve"], grace=15, quiet=False)
    _introduce(opened, api)


def _answers(address: str, parts: Parts, stopped: _Stopped) -> bool:
    """Wait for it; False when we are told to stop. Raises PartEnded, PrefectUnreachable."""
    import httpx  # noqa: PLC0415

    name, _, password = os.environ.get("PREFECT_API_AUTH_STRING", "").partition(":")
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
    click.echo(f"Up: deployments of {names}. Ctrl-C stops it.")
    click.echo(f"  In a browser   {api.removesuffix('/api')}/deployments")
    click.echo(f"  From a shell   export PREFECT_API_URL={api}; fairlead release ENVIRONMENT SHA")
    if "PREFECT_API_DATABASE_CONNECTION_URL" not in os.environ:
        click.echo(SQLITE)


def _live(opened: Project) -> list[Lease]:
    """The leases that are held on this machine."""
    here = f" on {socket.gethostname()}"
    live = opened.store.leases.live(opened.config.project)
    return [lease for lease in live if (lease.holder or "").endswith(here)]


def _drained(opened: Project, stopped: _Stopped) -> bool:
    """Wait for the releases that are being made; False when we are told to stop again."""
    told = False
    while live := _live(opened):
        if not told:
            what = ", ".join(f"release {lease.release} to {lease.environment}" for lease in live)
            click.echo(f"Waiting for {what}. Ctrl-C again has it put back.")
            told = True
        if stopped.again.wait(0.5):
            return False
    return True


def _put_back(opened: Project, api: str) -> None:
    """Cancel the runs, because the program that makes them kills them, and wait for their end."""
    from fairlead.dispatch.runs import Runs  # noqa: PLC0415

    releases = opened.store.releases
    with closing(Runs(api, os.environ.get("PREFECT_API_AUTH_STRING"))) as runs:
        for lease in _live(opened):
            release = releases.get(lease.release) if lease.release else None
            if release is not None and release.flow_run:
                click.echo(f"Putting back release {release.id} to {release.environment}.")
                try:
                    runs.cancel(release.flow_run)
                except PrefectUnreachable as error:
                    click.echo(error.message, err=True)
    deadline = time.monotonic() + PUT_BACK
    while _live(opened) and time.monotonic() < deadline:
        time.sleep(0.5)
