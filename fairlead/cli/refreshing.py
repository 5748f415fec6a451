"""refresh: production's data for another environment, masked."""

import getpass
import uuid
from functools import partial

import click

from fairlead.cli.completing import environments
from fairlead.cli.context import as_json, asker, print_json, project, teller, when
from fairlead.cli.failing import echo
from fairlead.errors import UnknownRefresh
from fairlead.model import Refresh, RefreshState, duration


class Environments(click.Group):
    """A word that is no command of the group is the environment to refresh."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = args[0] in self.commands
        return super().resolve_command(ctx, args if known else ["run", *args])


@click.group(cls=Environments, subcommand_metavar="ENVIRONMENT | COMMAND …")
def refresh() -> None:
    """Give ENVIRONMENT the data of another one, masked: fairlead refresh uat [--from prod].

    Until it is masked, proven, migrated by what is deployed and checked, it is in a database of its
    own beside. What fails leaves ENVIRONMENT the data that it had.
    """


@refresh.command(short_help="Refresh an environment; `run` may be left away.")
@click.argument("environment", shell_complete=environments)
@click.option("--from", "source", metavar="ENV", default="", help="Whose data, to be sure.")
@click.option(
    "--wait", "wait_minutes", type=click.FloatRange(0, 1440), default=0, metavar="MINUTES",
    help="Wait that long for a release that is running, instead of being refused.",
)  # fmt: skip
@click.option(
    "--in-process", is_flag=True, help="Run the flow here, even when a Prefect API is configured."
)
@as_json
@click.pass_context
def run(
    ctx: click.Context,
    environment: str,
    source: str,
    wait_minutes: float,
    in_process: bool,
    as_json: bool,
) -> None:
    """Give ENVIRONMENT the data that its `refresh` in the config names, masked."""
    from fairlead.cli import following  # noqa: PLC0415
    from fairlead.cli.starting import beginning, start  # noqa: PLC0415
    from fairlead.refresh.frame import wanted  # noqa: PLC0415

    ready = beginning("refresh", ctx.obj["config"], in_process=in_process)
    with ready as child, project(ctx) as opened:
        wanted(opened, environment, source)  # says no here, before anything is begun
        request = str(uuid.uuid4())
        given = {
            "environment": environment,
            "source": source,
            "wait_minutes": wait_minutes,
            "requested_by": getpass.getuser(),
            "request_id": request,
        }
        started = start("refresh", environment, given, child)
        ours = following.refresh(opened, partial(opened.store.refreshes.of_request, request))
        ctx.exit(following.follow(ours, started, as_json=as_json, verbose=ctx.obj["verbose"]))


@refresh.command()
@click.argument("environment", shell_complete=environments)
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many."
)
@as_json
@click.pass_context
def history(ctx: click.Context, environment: str, limit: int, as_json: bool) -> None:
    """The refreshes of ENVIRONMENT, the newest first."""
    with project(ctx) as opened:
        opened.config.environment(environment)
        found = opened.store.refreshes.history(opened.config.project, environment, limit)
    if as_json:
        print_json(found)
        return
    from fairlead.cli.tables import print_table  # noqa: PLC0415

    columns = ("ID", "FROM", "STATE", "STARTED", "TOOK", "BY", "KEPT", "WHY")
    rows = [_row(one) for one in found]
    print_table(columns, rows, empty="It was never refreshed.", spare=("BY", "TOOK"))


def _row(one: Refresh) -> tuple[str, ...]:
    kept = one.state is RefreshState.REFRESHED and one.kept_removed_at is None
    return (
        str(one.id),
        one.source,
        one.state,
        when(one.started_at, seconds=False),
        duration(one.seconds),
        one.requested_by,
        one.kept if kept else "",
        (one.error or "").partition("\n")[0],
    )


@refresh.command()
@click.argument("number", metavar="ID", type=int)
@as_json
@click.pass_context
def show(ctx: click.Context, number: int, as_json: bool) -> None:
    """One refresh, phase by phase, with what was counted."""
    with project(ctx) as opened:
        found = opened.store.refreshes.get(opened.config.project, number)
        if found is None:
            raise UnknownRefresh(number)
        phases = opened.store.refreshes.phases(number)
    if as_json:
        print_json({"refresh": found, "phases": phases})
        return
    from fairlead.cli.showing_refresh import show_refresh  # noqa: PLC0415

    show_refresh(found, phases, logs=ctx.obj["verbose"])


@refresh.command()
@click.argument("environment", shell_complete=environments)
@click.option("--force", is_flag=True, help="Also where a release was made since.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def undo(ctx: click.Context, environment: str, force: bool, yes: bool) -> None:
    """Give ENVIRONMENT the data again that it had before it was refreshed."""
    from fairlead.refresh.undoing import undo as undo_refresh  # noqa: PLC0415

    with project(ctx) as opened:
        opened.config.environment(environment)
        opened.know_secrets(opened.config, environment, strict=False)
        agree = asker(opened, f"Undo the refresh of {environment}?", yes=yes)
        undone = undo_refresh(
            opened,
            environment,
            by=getpass.getuser(),
            agree=agree,
            say=teller(opened),
            force=force,
        )
    echo(f"{environment} has the data again that it had before refresh {undone.id}.")


@refresh.command()
@click.argument("environment", shell_complete=environments)
@click.option("--from", "source", metavar="ENV", help="Whose database is read, if another's.")
@click.pass_context
def rules(ctx: click.Context, environment: str, source: str | None) -> None:
    """Write rules for every column that has none yet, for ENVIRONMENT to be filled with masked.

    They are TOML for fairlead.toml. The database is only read, and no value of it is written.
    """
    from fairlead.masking import proposed_rules  # noqa: PLC0415

    with project(ctx) as opened:
        opened.config.environment(environment)
        found = proposed_rules(opened, source or environment)
    echo(found)


@refresh.command()
@click.argument("environment", shell_complete=environments)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def mark(ctx: click.Context, environment: str, yes: bool) -> None:
    """Write into the database of ENVIRONMENT that it is ENVIRONMENT's, after showing which it is.

    A refresh fills no database without it, nor one with the mark of another environment.
    """
    from fairlead.marking import mark as mark_database  # noqa: PLC0415

    with project(ctx) as opened:
        opened.config.environment(environment)
        opened.know_secrets(opened.config, environment, strict=False)
        agree = asker(opened, f"Is this the database of {environment}?", yes=yes)
        marked = mark_database(opened, environment, made_by=getpass.getuser(), agree=agree)
    echo(f"{marked} is marked as that of {marked.mark}.")
