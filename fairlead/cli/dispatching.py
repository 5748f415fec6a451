"""dispatch: the receiver of GitHub's webhook, and what it was given."""

import logging
import os
import signal
import socket
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING

import click

from fairlead.cli.context import as_json, print_json, project, when
from fairlead.cli.failing import echo
from fairlead.cli.listening import listening
from fairlead.errors import DispatchNotConfigured
from fairlead.project import Project

if TYPE_CHECKING:
    from starlette.applications import Starlette

    from fairlead.dispatch.runs import Runs

INTRODUCTION = """\
Listening at {address}. Ctrl-C or SIGTERM stops it.
GitHub, Settings, Webhooks, Add webhook (a proxy with TLS goes in front):
  Payload URL   https://…{path}
  Content type  application/json
  Secret        the value of {secrets}
  Events        repository dispatches, workflow runs, deployments
May start a release to: {environments}. From: {repositories}."""


@click.group()
def dispatch() -> None:
    """What GitHub may start: the receiver of its webhook."""


@dispatch.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535),
    default=8099,
    show_default=True,
    help="The port; 0 takes a free one.",
)
@click.pass_context
def serve(ctx: click.Context, host: str, port: int) -> None:
    """Take GitHub's deliveries and start releases, until it is stopped."""
    with project(ctx) as opened, closing(_runs(opened)) as runs:
        app = _app(opened, runs)
        with listening(host, port) as listener:
            _introduce(opened, listener)
            _serve(app, listener)
    echo("Stopped.")


@dispatch.command()
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many."
)
@as_json
@click.pass_context
def deliveries(ctx: click.Context, limit: int, as_json: bool) -> None:
    """What GitHub asked for and what became of it, the newest first."""
    from fairlead.cli.tables import print_table  # noqa: PLC0415 Rich is only for people

    with project(ctx) as opened:
        found = opened.store.deliveries.recent(opened.config.project, limit)
    if as_json:
        print_json(found)
        return
    print_table(
        ("RECEIVED", "EVENT", "BY", "ENVIRONMENT", "SHA", "STATE", "RUN OR PROBLEM"),
        [
            (
                when(one.received_at),
                one.event,
                one.actor,
                one.environment,
                one.sha[:12],
                one.state,
                one.flow_run or one.problem or "",
            )
            for one in found
        ],
        empty="GitHub has asked for nothing yet.",
        spare=("EVENT", "BY"),
    )


def _runs(opened: Project) -> "Runs":
    """Raises DispatchNotConfigured where nothing could be started."""
    from fairlead.cli.starting import configured_api, configured_auth  # noqa: PLC0415
    from fairlead.dispatch.runs import Runs  # noqa: PLC0415

    if opened.config.dispatch is None:
        add = "Add it; fairlead init writes one to start from, and then: fairlead check"
        raise DispatchNotConfigured("the config has no [dispatch]", add)
    api = configured_api()
    if not api:
        raise DispatchNotConfigured("no Prefect API is configured", "Set PREFECT_API_URL.")
    return Runs(api, configured_auth(), os.environ.get("PREFECT_UI_URL"))


def _introduce(opened: Project, listener: socket.socket) -> None:
    from fairlead.dispatch.openapi import PATH  # noqa: PLC0415

    rules = opened.config.dispatch
    assert rules is not None
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    text = INTRODUCTION.format(
        address=f"http://{shown}:{port}{PATH}",
        path=PATH,
        secrets=" or ".join(rules.secrets),
        environments=", ".join(rules.environments) or "nothing yet ([dispatch] environments)",
        repositories=", ".join(rules.repositories),
    )
    echo(text)


def _app(opened: Project, runs: "Runs") -> "Starlette":
    """Raises SecretMissing."""
    from fairlead.dispatch.branch import TIMEOUT, Branches  # noqa: PLC0415
    from fairlead.dispatch.receiver import Receiver  # noqa: PLC0415
    from fairlead.dispatch.starter import Starter  # noqa: PLC0415

    branches = Branches(opened.config, partial(opened.github, timeout=TIMEOUT))
    starter = Starter(opened.config.project, opened.store.deliveries, runs, branches)
    return Receiver(opened.config, opened.dispatch_secrets(), starter).app()


def _serve(app: "Starlette", listener: socket.socket) -> None:
    """Until a signal; uvicorn ends what it has begun, and then passes the signal on to us."""
    import uvicorn  # noqa: PLC0415 for this command only

    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = uvicorn.Config(
        app,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_config=None,
        log_level=logging.WARNING,
        timeout_graceful_shutdown=10,
    )
    with suppress(KeyboardInterrupt):
        uvicorn.Server(settings).run(sockets=[listener])
