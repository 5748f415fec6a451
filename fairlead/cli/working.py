"""worker: what makes the runs of a Prefect work pool on this machine."""

import os
import socket

import click

from fairlead.cli.failing import echo
from fairlead.config import find, load
from fairlead.errors import PrefectUnreachable, RunsLeft


@click.command()
@click.argument("pool")
@click.option("--name", default=socket.gethostname, help="How Prefect shows it; default: the host.")
@click.option(
    "--drain",
    metavar="SECONDS",
    type=click.FloatRange(min=0),
    default=900,
    show_default=True,
    help="How long to wait for what is being released when it is stopped.",
)
@click.option(
    "--deploy", is_flag=True, help="First make the Prefect deployments of all environments."
)
@click.pass_context
def worker(ctx: click.Context, pool: str, name: str, drain: float, deploy: bool) -> None:
    """Make the runs of the Prefect work pool POOL on this machine, until Ctrl-C or SIGTERM.

    Then it takes no more runs and waits for those that it has begun. When it is told a second
    time, or has waited for long enough, they are cancelled, and each release is put back.
    """
    found = find(ctx.obj["config"]).resolve()
    config = load(found) if deploy else None
    os.environ["FAIRLEAD_CONFIG"] = str(found)  # its runs begin in whatever folder
    import anyio  # noqa: PLC0415 Prefect takes a second to import
    import httpx  # noqa: PLC0415

    from fairlead.cli.starting import configured_api  # noqa: PLC0415
    from flows.deploying import deployments  # noqa: PLC0415
    from flows.worker import warm, work  # noqa: PLC0415

    api = configured_api()
    if not api:
        raise PrefectUnreachable(
            "PREFECT_API_URL", "it is not set, and a worker takes its runs there"
        )
    try:
        made = deployments(config, pool) if config else ()
        with warm():
            left = anyio.run(work, pool, name, drain, echo, made)
    except (httpx.HTTPError, RuntimeError) as error:  # the latter after minutes without an answer
        raise PrefectUnreachable(api, str(error)) from error
    if left:
        raise RunsLeft(left)
    echo("Stopped.")
