"""The commands and their options, from the tree that click has of them."""

from collections.abc import Iterator

import click

from fairlead.cli import fairlead
from scripts.reference.markdown import cell, table

HEAD = """\
# Commands

<!-- Made by `make reference` from fairlead/cli: change it there. -->

`--config` and `--verbose` stand before every command; after a command of one word, `--verbose` may
stand too.
"""


def commands() -> str:
    root = click.Context(fairlead, info_name="fairlead")
    return "\n".join([HEAD, *_lines(fairlead, root)]).rstrip() + "\n"


def _lines(command: click.Command, ctx: click.Context) -> Iterator[str]:
    """The command, then those below it."""
    yield f"{'#' * (2 + ctx.command_path.count(' '))} `{ctx.command_path}`"
    yield ""
    usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
    yield from ("```text", usage, "```", "")
    yield from (_help(command), "")
    if rows := [*_options(command, ctx)]:
        yield from table(("option", "what it does"), rows)
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            below = command.get_command(ctx, name)
            assert below is not None
            yield from _lines(below, click.Context(below, parent=ctx, info_name=name))


def _help(command: click.Command) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))


def _options(command: click.Command, ctx: click.Context) -> Iterator[tuple[str, str]]:
    for parameter in command.params:
        record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
        if record and (parameter.name != "verbose" or ctx.parent is None):
            assert parameter.help, f"{ctx.command_path} does not say what {record[0]} does"
            yield cell(f"`{record[0]}`"), cell(record[1])
