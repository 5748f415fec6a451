"""approve and refuse: what a release waits for."""

import getpass
from contextlib import closing
from functools import partial

import click

from fairlead.cli.context import as_json, project
from fairlead.cli.failing import echo
from fairlead.errors import PrefectUnreachable
from fairlead.model import Approval, Decision
from fairlead.project import Project

ANSWERS = {Decision.APPROVED: "approve", Decision.REFUSED: "refuse"}
reason = click.option("--reason", default="", help="Why, for the history.")


@click.command()
@click.argument("release", type=int)
@reason
@as_json
@click.pass_context
def approve(ctx: click.Context, /, release: int, reason: str, as_json: bool) -> None:
    """Let RELEASE go on, which waits for that, and follow it. It is verified again first."""
    with project(ctx) as opened:
        approval = _decide(opened, release, Decision.APPROVED, reason)
        from fairlead.cli import following  # noqa: PLC0415
        from fairlead.cli.starting import Child, Started, Submitted, start  # noqa: PLC0415

        if approval.suspended:
            _resume(approval, approval.suspended)
            started: Started = Submitted(approval.suspended)
        else:
            given = dict(approval.parameters)
            child = Child("release", ctx.obj["config"])
            started = start("release", given["environment"], given, child)
        find = partial(opened.store.releases.get, release)
        waited = following.release(opened, find, approved=True)
        code = following.follow(waited, started, as_json=as_json, verbose=ctx.obj["verbose"])
    ctx.exit(code)


@click.command()
@click.argument("release", type=int)
@reason
@click.pass_context
def refuse(ctx: click.Context, release: int, reason: str) -> None:
    """Have RELEASE, which waits to be approved, end here. Nothing was touched."""
    from fairlead.courier import deliver  # noqa: PLC0415

    with project(ctx) as opened:
        approval = _decide(opened, release, Decision.REFUSED, reason)
        echo(f"Release {release} is refused. Nothing was touched.")
        deliver(opened, opened.senders(str(approval.parameters["environment"])))
        if approval.suspended:
            try:
                _resume(approval, approval.suspended)  # so that it ends in Prefect too
            except PrefectUnreachable as error:
                echo(f"It is still shown as suspended in Prefect: {error.message}", err=True)


def _decide(opened: Project, release: int, decision: Decision, reason: str) -> Approval:
    from fairlead.approving import decide, expire  # noqa: PLC0415

    expire(opened)
    return decide(
        opened, release, decision, by=getpass.getuser(), via="command line", reason=reason
    )


def _resume(approval: Approval, run: str) -> None:
    """Raises PrefectUnreachable."""
    from fairlead.cli.starting import configured_api, configured_auth  # noqa: PLC0415
    from fairlead.dispatch.runs import Runs  # noqa: PLC0415

    assert approval.decision is not None
    api = configured_api()
    if not api:
        raise PrefectUnreachable("PREFECT_API_URL", "it is not set, and the release waits there")
    answer = {
        "decision": ANSWERS[approval.decision],
        "name": approval.decided_by,
        "reason": approval.reason,
    }
    with closing(Runs(api, configured_auth())) as runs:
        runs.resume(run, answer)
