"""backup, backups, restore: the database of an environment, saved and put back."""

import getpass

import click

from fairlead.cli.completing import environments
from fairlead.cli.context import as_json, asker, print_json, project, teller, when
from fairlead.cli.failing import echo
from fairlead.model import Backup, duration, size


@click.command()
@click.argument("environment", shell_complete=environments)
@as_json
@click.pass_context
def backup(ctx: click.Context, environment: str, as_json: bool) -> None:
    """Save the database of ENVIRONMENT now, as the config says, and prove it."""
    from fairlead.lease import hold  # noqa: PLC0415
    from fairlead.saving import save, saves  # noqa: PLC0415

    with project(ctx) as opened:
        config, say = opened.config, teller(opened, quiet=as_json)
        if why := saves(config, environment):
            raise click.UsageError(f"{why}.")
        opened.know_secrets(config, environment, strict=False)
        with hold(opened.store, config.project, environment, ttl=config.lease_ttl):
            made = save(opened, environment, made_by=getpass.getuser(), say=say)
    if as_json:
        print_json(made)
    else:
        echo(f"{environment}: {made.words}, in {duration(made.seconds)}")


@click.command()
@click.argument("environment", shell_complete=environments)
@as_json
@click.pass_context
def backups(ctx: click.Context, environment: str, as_json: bool) -> None:
    """What was saved of ENVIRONMENT, the newest first."""
    with project(ctx) as opened:
        opened.config.environment(environment)
        found = opened.store.backups.all(opened.config.project, environment)
    if as_json:
        print_json(found)
        return
    from fairlead.cli.tables import print_table  # noqa: PLC0415

    columns = ("ID", "MADE", "KIND", "STATE", "SIZE", "TOOK", "DRILL", "RELEASE", "BY", "WHERE")
    rows = [_row(one) for one in found]
    print_table(columns, rows, empty="Nothing was saved there yet.", spare=("BY", "TOOK", "DRILL"))


def _row(one: Backup) -> tuple[str, ...]:
    return (
        str(one.id),
        when(one.started_at, seconds=False),
        one.kind,
        one.state,
        "" if one.bytes is None else size(one.bytes),
        duration(one.seconds),
        "done" if one.drilled_at else "",
        str(one.release or ""),
        one.made_by,
        (one.error or "").partition("\n")[0] or one.place,
    )


@click.command()
@click.argument("environment", shell_complete=environments)
@click.argument("backup", type=int)
@click.option(
    "--force",
    is_flag=True,
    help="Also a backup of another database, and where a newer version has served requests.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def restore(ctx: click.Context, environment: str, backup: int, force: bool, yes: bool) -> None:
    """Put BACKUP (its ID) in the place of the database of ENVIRONMENT, which is kept beside."""
    from fairlead.restoring import restore as put_back  # noqa: PLC0415

    with project(ctx) as opened:
        opened.know_secrets(opened.config, environment, strict=False)
        kept = put_back(
            opened,
            environment,
            backup,
            made_by=getpass.getuser(),
            say=teller(opened),
            agree=asker(opened, f"Restore backup {backup} to {environment}?", yes=yes),
            force=force,
        )
    echo(f"{environment} has backup {backup} now; what it had is kept as {kept}.")
    echo(f"Code that fits it: fairlead history {environment}, fairlead rollback --to SHA")
