"""refresh: production's data for another environment, masked."""

from collections.abc import Sequence

import click

from fairlead.cli.context import project


@click.group()
def refresh() -> None:
    """Production's data for another environment, masked."""


@refresh.command()
@click.argument("environment")
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
    click.echo(found)


@refresh.command()
@click.argument("environment")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def mark(ctx: click.Context, environment: str, yes: bool) -> None:
    """Write into the database of ENVIRONMENT that it is ENVIRONMENT's, after showing which it is.

    A refresh fills no database without it, nor one with the mark of another environment.
    """
    from fairlead.marking import mark as mark_database  # noqa: PLC0415
    from fairlead.saving import who  # noqa: PLC0415

    def agree(lines: Sequence[str]) -> None:
        for line in lines:
            click.echo(f"  {opened.redact(line)}")
        if not yes:
            click.confirm(f"Is this the database of {environment}?", abort=True)

    with project(ctx) as opened:
        opened.config.environment(environment)
        opened.know_secrets(opened.config, environment, strict=False)
        marked = mark_database(opened, environment, made_by=who(), agree=agree)
    click.echo(f"{marked} is marked as that of {marked.mark}.")
