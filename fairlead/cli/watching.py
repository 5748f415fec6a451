"""drift and prune: what runs otherwise than it was released, and what nobody needs any more."""

from collections.abc import Iterator, Mapping
from datetime import datetime

import click

from fairlead.branches import Distance, distances
from fairlead.cli.completing import environments
from fairlead.cli.context import as_json, print_json, project, when
from fairlead.cli.failing import complain, echo
from fairlead.drift import next_step
from fairlead.project import Project
from fairlead.pruning import Pruned
from fairlead.pruning import prune as prune_all
from fairlead.watching import Look, look_at

DRIFT = 7  # the exit code where something runs otherwise than released
Since = Mapping[tuple[str, str], datetime]  # host and words of a drift → when it was first seen


@click.command()
@click.argument("environment", shell_complete=environments, required=False)
@as_json
@click.pass_context
def drift(ctx: click.Context, environment: str | None, as_json: bool) -> None:
    """Compare what runs on each host with what was released: only looking. Exit code 7 where it
    differs."""
    with project(ctx) as opened:
        names = [environment] if environment else list(opened.config.environments)
        looks = [look_at(opened, name) for name in names]
        ahead = {one.target: one for one in distances(opened)}
        since = {name: _since(opened, name) for name in names}
    if as_json:
        print_json([{"look": look, "behind": ahead.get(look.environment)} for look in looks])
    else:
        for look in looks:
            found = lines_of(look, ahead.get(look.environment), since[look.environment])
            echo("\n".join(found))
    ctx.exit(DRIFT if any(look.drifts for look in looks) else 0)


def _since(opened: Project, environment: str) -> Since:
    noted = opened.store.drifts.open(opened.config.project, environment)
    return {(one.drift.host, one.drift.words): one.opened_at for one in noted}


def lines_of(look: Look, distance: Distance | None, since: Since) -> Iterator[str]:
    sha = look.current.sha if look.current else ""
    runs = f" ({sha[:7]}, release {look.current.id})" if look.current else ""
    yield f"{look.environment}{runs}: {_state(look)}"
    for drift in look.drifts:
        seen = since.get((drift.host, drift.words))
        where = f"{drift.host}: " if drift.host else ""
        yield f"  {where}{drift.words}{f', since {when(seen)}' if seen else ''}"
        if drift.detail:
            yield f"    why: {' '.join(drift.detail.split())}"
        yield f"    what to run: {next_step(drift, look.environment, sha)}"
    if distance is not None:
        yield f"  {distance.words} ({distance.problem or distance.compared})"


def _state(look: Look) -> str:
    if look.unjudged:
        return f"not looked at, {look.unjudged}"
    if look.drifts:
        return "not as released"
    return "as released" if look.current else "nothing was released here"


@click.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be removed.")
@as_json
@click.pass_context
def prune(ctx: click.Context, dry_run: bool, as_json: bool) -> None:
    """Remove the containers and images that no rollback within the kept releases (keep_releases)
    needs, never what is deployed. Exit code 4 where some of it failed."""
    with project(ctx) as opened:
        pruned = prune_all(opened, dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "pruned": pruned})
    else:
        _print_pruned(pruned, dry_run=dry_run)
    ctx.exit(4 if pruned.problems else 0)


def _print_pruned(pruned: Pruned, *, dry_run: bool) -> None:
    for one in pruned.removed:
        echo(f"{one.host}: {one.what} {one.name}")
    for line in pruned.left:
        echo(line)
    words = pruned.words(dry_run=dry_run)
    echo(f"{words[0].upper()}{words[1:]}.")
    for problem in pruned.problems:
        complain(problem)
