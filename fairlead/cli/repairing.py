"""settle and unlock: for the person on call."""

import click

from fairlead.cli.completing import environments
from fairlead.cli.context import project
from fairlead.cli.failing import echo
from fairlead.plain import plain


@click.command()
@click.argument("environment", shell_complete=environments)
@click.pass_context
def settle(ctx: click.Context, environment: str) -> None:
    """Finish, put back or report what a dead run left, by looking at what really runs."""
    from fairlead.courier import deliver  # noqa: PLC0415
    from fairlead.lease import hold  # noqa: PLC0415
    from fairlead.recovery import settle as settle_environment  # noqa: PLC0415
    from fairlead.refresh.left import settle_left  # noqa: PLC0415

    with project(ctx) as opened:
        config = opened.config
        config.environment(environment)
        with hold(opened.store, config.project, environment, ttl=config.lease_ttl) as held:
            found = (
                settle_environment(opened, environment, held),
                settle_left(opened, environment, held),
            )
        deliver(opened, opened.senders(environment))
    done = "\n".join(filter(None, found))
    echo(done or f"{environment}: nothing was left unfinished.")


@click.command()
@click.argument("environment", shell_complete=environments)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def unlock(ctx: click.Context, environment: str, yes: bool) -> None:
    """Take the lease from a holder that hangs. It finds out before its next step and stops."""
    with project(ctx) as opened:
        opened.config.environment(environment)
        leases, name = opened.store.leases, opened.config.project
        held = leases.get(name, environment)
        if held is None or held.holder is None:
            echo(f"{environment}: nobody holds the lease.")
            return
        if not yes:
            holder = plain(held.holder)
            click.confirm(f"{environment} is held by {holder}. Take it away?", abort=True)
        leases.unlock(name, environment)
    echo(f"{environment}: taken from {held.holder}. Now: fairlead settle {environment}")
