"""release, promote, rollback: the same flows as the Prefect UI starts."""

import getpass
import uuid
from contextlib import AbstractContextManager
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from fairlead.cli.completing import environments
from fairlead.cli.context import as_json, print_json, project
from fairlead.cli.failing import echo
from fairlead.model import Request, parse_sha
from fairlead.project import Project

if TYPE_CHECKING:
    from fairlead.cli.starting import Child

wait = click.option(
    "--wait", "wait_minutes", type=click.FloatRange(0, 1440), default=0, metavar="MINUTES",
    help="Wait that long for a release that is running, instead of being refused.",
)  # fmt: skip
reason = click.option("--reason", default="", help="Why, for the history.")
again = click.option(
    "--force", "if_unchanged", flag_value="release again", default="do nothing",
    help="Even when the environment runs exactly this already.",
)  # fmt: skip
override = click.option(
    "--override", "when_frozen", flag_value="release anyway", default="refuse",
    help="Even in a freeze window of the environment; that is recorded.",
)  # fmt: skip
dry_run = click.option(
    "--dry-run", is_flag=True, help="Prove the build and say what would be done."
)
in_process = click.option(
    "--in-process", is_flag=True, help="Run the flow here, even when a Prefect API is configured."
)


@click.command()
@click.argument("environment", shell_complete=environments)
@click.argument("sha")
@wait
@reason
@again
@override
@dry_run
@in_process
@as_json
@click.pass_context
def release(
    ctx: click.Context,
    /,
    environment: str,
    sha: str,
    dry_run: bool,
    in_process: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Bring the commit SHA to ENVIRONMENT."""
    if dry_run:
        with project(ctx) as opened:
            opened.config.environment(environment)
            _dry_run(opened, Request(environment, parse_sha(sha)), as_json)
        return
    with _beginning(ctx, "release", in_process) as child, project(ctx) as opened:
        opened.config.environment(environment)
        parse_sha(sha)
        _run(ctx, opened, "release", environment, child, as_json, {"sha": sha, **given})


@click.command()
@click.argument("source", shell_complete=environments)
@click.argument("target", shell_complete=environments)
@wait
@reason
@again
@override
@dry_run
@in_process
@as_json
@click.pass_context
def promote(
    ctx: click.Context,
    /,
    source: str,
    target: str,
    dry_run: bool,
    in_process: bool,
    as_json: bool,
    **given: Any,
) -> None:
    """Bring what runs in SOURCE to TARGET: the same commit, the same digests."""
    from fairlead.promotion import promoted  # noqa: PLC0415

    if dry_run:
        with project(ctx) as opened:
            sha = promoted(opened, source, target).sha
            _dry_run(opened, Request(target, sha, source=source), as_json)
        return
    with _beginning(ctx, "release", in_process) as child, project(ctx) as opened:
        sha = promoted(opened, source, target).sha
        parameters = {"sha": sha, "source": source, **given}
        _run(ctx, opened, "release", target, child, as_json, parameters)


@click.command()
@click.argument("environment", shell_complete=environments)
@click.option(
    "--to", "sha", metavar="SHA", default="", help="A commit that was released there before."
)
@wait
@reason
@in_process
@as_json
@click.pass_context
def rollback(
    ctx: click.Context, /, environment: str, in_process: bool, as_json: bool, **given: Any
) -> None:
    """Have ENVIRONMENT run what it ran before, with the config of then. The database stays."""
    from fairlead.going_back import way_back  # noqa: PLC0415

    with _beginning(ctx, "rollback", in_process) as child, project(ctx) as opened:
        way_back(opened, environment, given["sha"])  # says no here, before anything is begun
        _run(ctx, opened, "rollback", environment, child, as_json, given)


def _dry_run(opened: Project, request: Request, as_json: bool) -> None:
    from fairlead.checking import plan  # noqa: PLC0415

    planned = plan(opened, request)
    if as_json:
        print_json(planned)
        return
    for line in planned.lines():
        echo(line)


def _beginning(
    ctx: click.Context, flow: str, in_process: bool
) -> AbstractContextManager["Child | None"]:
    from fairlead.cli.starting import beginning  # noqa: PLC0415

    return beginning(flow, ctx.obj["config"], in_process=in_process)


def _run(
    ctx: click.Context,
    opened: Project,
    flow: str,
    environment: str,
    child: "Child | None",
    as_json: bool,
    parameters: dict[str, Any],
) -> None:
    """Start the flow, follow it to its end, and leave with the release's exit code."""
    from fairlead.cli import following  # noqa: PLC0415
    from fairlead.cli.starting import start  # noqa: PLC0415

    request = str(uuid.uuid4())
    asked = {
        **parameters,
        "environment": environment,
        "requested_by": getpass.getuser(),
        "request_id": request,
    }
    started = start(flow, environment, asked, child)
    ours = following.release(opened, partial(opened.store.releases.of_request, request))
    ctx.exit(following.follow(ours, started, as_json=as_json, verbose=ctx.obj["verbose"]))
