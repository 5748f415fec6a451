"""status, history, show, tags: looking, never changing."""

import click

from fairlead.cli.completing import environments, services
from fairlead.cli.context import as_json, print_json, project, when
from fairlead.errors import UnknownRelease
from fairlead.model import Release, duration
from fairlead.status import status as read_status


@click.command()
@as_json
@click.pass_context
def status(ctx: click.Context, as_json: bool) -> None:
    """What runs where, since when, by whom; and who is changing what."""
    with project(ctx) as opened:
        found = read_status(opened, when)
    if as_json:
        print_json(found)
        return
    from fairlead.cli.tables import print_table  # noqa: PLC0415 Rich is only for people

    print_table(
        ("ENVIRONMENT", "RUNS", "SINCE", "BY", "ON", "NOW"),
        [
            (
                one.environment,
                (one.sha or "nothing")[:12],
                when(one.since, seconds=False),
                one.requested_by or "",
                ", ".join(one.hosts),
                one.now,
            )
            for one in found
        ],
    )


@click.command()
@click.argument("environment", shell_complete=environments, required=False)
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="How many."
)
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
        duration(release.seconds),
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
        backup = opened.store.backups.of_release(release)
        tenants = opened.store.tenants.failed(release)
        kept = opened.store.previews.of(release)
    if as_json:
        about = {"release": found, "steps": steps, "images": images}
        preview = kept.body if kept else None
        print_json({**about, "backup": backup, "tenants": tenants, "preview": preview})
        return
    from fairlead.cli.showing import show_release  # noqa: PLC0415

    show_release(found, steps, images, backup, tenants, logs=ctx.obj["verbose"])


@click.command()
@click.argument("service", shell_complete=services)
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
