"""preview: what the migrations of a commit would do to a database."""

from typing import TYPE_CHECKING

import click

from fairlead.cli.completing import environments
from fairlead.cli.context import print_json, project, teller
from fairlead.cli.failing import echo
from fairlead.model import EXIT_CODES, ReleaseState, Request, parse_sha
from fairlead.project import Project

if TYPE_CHECKING:
    from fairlead.report.preview import Previewed

# What a release of it would end with: the exit code that it would have.
ENDS = {"warn": 0, "approve": EXIT_CODES[ReleaseState.WAITING],
        "refuse": EXIT_CODES[ReleaseState.REFUSED]}  # fmt: skip


@click.command()
@click.argument("environment", shell_complete=environments)
@click.argument("sha")
@click.option(
    "--format", "shape", type=click.Choice(["text", "markdown", "json"]), default="text",
    show_default=True, help="What is printed.",
)  # fmt: skip
@click.option("--from", "source", metavar="ENVIRONMENT", help="Whose images of SHA are taken.")
@click.option(
    "--github-pr", "pull_request", type=click.IntRange(min=1), metavar="N",
    help="Keep one comment on that pull request up to date.",
)  # fmt: skip
@click.pass_context
def preview(
    ctx: click.Context,
    environment: str,
    sha: str,
    shape: str,
    source: str | None,
    pull_request: int | None,
) -> None:
    """What the migrations of SHA would do to the database of ENVIRONMENT: tried on a scratch copy
    of its schema, the database itself is only read.

    Exit code 0 where a release would go on, 6 where it would wait for approval because of its
    migrations, 3 where it would be refused.
    """
    from fairlead.commenting import comment  # noqa: PLC0415
    from fairlead.database.preview.judge import unsafe  # noqa: PLC0415
    from fairlead.previewing import plan_before_release  # noqa: PLC0415
    from fairlead.report.preview import preview_markdown, previewed  # noqa: PLC0415

    request = Request(environment, parse_sha(sha), source=source)
    with project(ctx) as opened:
        opened.config.environment(environment)
        plan = plan_before_release(opened, request, teller(opened))
        settings = opened.config.environment(environment).migrations
        found = unsafe(plan.preview, settings.large) if plan.preview else []
        given = previewed(opened.config, environment, sha, plan)
        _print(opened, given, shape)
        if pull_request is not None:
            text = preview_markdown(given)
            echo(f"written: {comment(opened, environment, pull_request, text)}", err=True)
    ctx.exit(ENDS[settings.unsafe] if found else 0)


def _print(opened: Project, given: "Previewed", shape: str) -> None:
    from fairlead.report.preview import (  # noqa: PLC0415
        preview_json,
        preview_markdown,
        preview_text,
    )

    if shape == "json":
        print_json(preview_json(given))
    elif shape == "markdown":
        echo(opened.redact(preview_markdown(given)))
    else:
        echo(opened.redact(preview_text(given)))
