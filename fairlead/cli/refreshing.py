"""refresh: production's data for another environment, masked."""

import click

from fairlead.cli.completing import environments
from fairlead.cli.context import project
from fairlead.cli.failing import echo


@click.group()
def refresh() -> None:
    """Production's data for another environment, masked."""


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
