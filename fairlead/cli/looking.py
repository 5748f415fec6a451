"""status, history, show, tags: looking, never changing."""

from typing import Any

import click

from fairlead.cli.context import as_json, print_json, project, took, when
from fairlead.errors import UnknownRelease
from fairlead.model import Release


@click.command()
@as_json
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """What runs where, since when, by whom; and who is changing what."""
    with project(ctx) as opened:
        rows = [_environment(opened, name) for name in opened.config.environments]
    if as_json:
        print_json(rows)
        return
    from fairlead.cli.tables import print_table  # noqa: PLC0415 Rich is only for people

    print_table(
        ("ENVIRONMENT", "RUNS", "SINCE", "BY", "ON", "NOW"),
        [
            (
                row["environment"],
                (row["sha"] or "nothing")[:12],
                when(row["since"], seconds=False),
                row["requested_by"] or "",
                ", ".join(row["hosts"]),
                row["now"],
            )
            for row in rows
        ],
    )


def _environment(opened: Any, name: str) -> dict[str, Any]:
    store, project_name = opened.store, opened.config.project
    current = store.releases.current(project_name, name)
    placed = store.placements.all(project_name, name)
    return {
        "environment": name,
        "sha": current.sha if current else None,
        "release": current.id if current else None,
        "since": current.ended_at if current else None,
        "requested_by": current.requested_by if current else None,
        "hosts": sorted({placement.host for placement in placed}),
        "services": placed,
        "now": _now(store, project_name, name),
    }


def _now(store: Any, project_name: str, name: str) -> str:
    """What is going on there, or what has gone wrong since."""
    lease = store.leases.get(project_name, name)
    unfinished = store.releases.unfinished(project_name, name)
    live = next(
        (held for held in store.leases.live(project_name) if held.environment == name), None
    )
    if live is not None:
        what = f"release {live.release} is running" if live.release else "being changed"
        return f"{what} ({live.holder})"
    if unfinished is not None:
        died = f", last heartbeat overdue since {when(lease.expires_at)}" if lease else ""
        return f"release {unfinished.id} was left unfinished{died}: fairlead settle {name}"
    broken = store.releases.not_put_back(project_name, name)
    return f"release {broken.id} was not put back: fairlead settle {name}" if broken else ""


@click.command()
@click.argument("environment", required=False)
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000))
@as_json
@click.pass_context
def history(ctx: click.Context, environment: str | None, limit: int, as_json: bool) -> None:
    """The releases, the newest first."""
    with project(ctx) as opened:
        if environment:
            opened.config.environment(environment)
        found = opened.store.releases.history(opened.config.project, environment, limit)
    if as_json:
        print_json(found)
        return
    from fairlead.cli.tables import print_table  # noqa: PLC0415

    columns = ("ID", "ENVIRONMENT", "COMMIT", "KIND", "STATE", "STARTED", "TOOK", "LOST", "BY")
    rows = [_row(release) for release in found]
    print_table(
        (*columns, "REASON"),
        rows,
        empty="Nothing has been released yet.",
        spare=("KIND", "BY", "LOST"),
    )


def _row(release: Release) -> tuple[str, ...]:
    lost = "" if release.requests_lost is None else str(release.requests_lost)
    return (
        str(release.id),
        release.environment,
        release.sha[:7],
        release.kind,
        release.state,
        when(release.started_at, seconds=False),
        took(release.seconds),
        lost,
        release.requested_by,
        release.reason,
    )


@click.command()
@click.argument("release", type=int)
@as_json
@click.pass_context
def show(ctx: click.Context, release: int, as_json: bool) -> None:
    """One release, step by step, with what each said."""
    with project(ctx) as opened:
        found = opened.store.releases.get(release)
        if found is None:
            raise UnknownRelease(str(release))
        steps, images = opened.store.steps.of(release), opened.store.ledger.images(release)
    if as_json:
        print_json({"release": found, "steps": steps, "images": images})
        return
    from fairlead.cli.showing import show_release  # noqa: PLC0415

    show_release(found, steps, images, logs=ctx.obj["verbose"])


@click.command()
@click.argument("service")
@as_json
@click.pass_context
def tags(ctx: click.Context, service: str, as_json: bool) -> None:
    """The tags of a service in the registry, and what runs of them."""
    with project(ctx) as opened:
        config = opened.config
        found = sorted(opened.registry(config).tags(config.service(service).image))
        running: dict[str, list[str]] = {}
        for placement in opened.store.placements.all(config.project):
            if placement.service == service:
                running.setdefault(placement.sha, []).append(placement.environment)
    rows = [
        {"tag": tag, "runs_in": sorted(set(running.get(tag.rpartition("-")[2], [])))}
        for tag in found
    ]
    if as_json:
        print_json(rows)
        return
    from fairlead.cli.tables import print_table  # noqa: PLC0415

    shown = [(str(row["tag"]), ", ".join(row["runs_in"])) for row in rows]
    print_table(("TAG", "RUNS IN"), shown, empty=f"{service} has no tag yet.")
