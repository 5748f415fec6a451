"""init and check: before the first release."""

from pathlib import Path

import click

from fairlead.checking import Finding, check_environment, check_shared
from fairlead.cli.completing import environments
from fairlead.cli.context import as_json, print_json, project
from fairlead.cli.failing import echo
from fairlead.config import find
from fairlead.errors import InputError


@click.command()
@click.argument("name", required=False)
@click.pass_context
def init(ctx: click.Context, name: str | None) -> None:
    """Write a commented fairlead.toml for the project NAME (the folder's name otherwise)."""
    from fairlead.config.template import written  # noqa: PLC0415

    path = find(ctx.obj["config"])
    if path.exists():
        raise InputError(f"{path} is there already.", next_step="Look at it: fairlead check")
    path.write_text(written(name or Path.cwd().name), encoding="utf-8")
    echo(f"{path} is written. Change what is yours in it, then: fairlead check")


@click.command()
@click.argument("environment", shell_complete=environments, required=False)
@as_json
@click.pass_context
def check(ctx: click.Context, environment: str | None, as_json: bool) -> None:
    """Validate the config, then try every connection it names, read-only, a line each."""
    with project(ctx) as opened:
        names = [environment] if environment else list(opened.config.environments)
        for name in names:
            opened.config.environment(name)
        found = [("", finding) for finding in check_shared(opened)]
        if not as_json:
            echo(f"ok      {find(ctx.obj['config'])}: the config is whole")
            for where, finding in found:
                _print(where, finding)
        for name in names:
            for finding in check_environment(opened, name):
                found.append((name, finding))
                if not as_json:
                    _print(name, finding)
    if as_json:
        print_json([{"environment": where, "finding": finding} for where, finding in found])
    ctx.exit(3 if any(finding.problem for _, finding in found) else 0)


def _print(where: str, finding: Finding) -> None:
    what = f"{where}: {finding.what}" if where else finding.what
    if finding.problem is None:
        echo(f"ok      {what}: {finding.found}")
        return
    first, *rest = finding.problem.splitlines()
    echo(f"FAILED  {what}: {first}")
    for line in rest:
        echo(f"        {line}")
