"""metrics: how often, how fast and how well changes come to each environment."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from fairlead.cli.completing import environments
from fairlead.cli.context import print_json, project
from fairlead.cli.failing import echo
from fairlead.errors import InputError
from fairlead.model import ChangesOfADay, Metrics, Spread, duration


@click.command()
@click.argument("environment", shell_complete=environments, required=False)
@click.option(
    "--days",
    default=30,
    show_default=True,
    type=click.IntRange(1, 3650),
    help="How far back to look.",
)
@click.option(
    "--format",
    "form",
    default="table",
    show_default=True,
    type=click.Choice(["table", "json", "prometheus"]),
    help="How to tell it.",
)
@click.option(
    "--plot",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Draw the changes of each day into this file, as SVG.",
)
@click.pass_context
def metrics(
    ctx: click.Context, environment: str | None, days: int, form: str, plot: Path | None
) -> None:
    """How often changes come to each environment, how long they take from their commit, how many
    fail, how soon that is over, and what their migrations take."""
    with project(ctx) as opened:
        config, counts = opened.config, opened.store.counts
        if environment:
            config.environment(environment)
        counted = counts.of_environments(config.project, days)
        names = [environment] if environment else list(config.environments)
        found = [counted.get(name) or Metrics(environment=name, days=days) for name in names]
        of_days = counts.of_days(config.project, days) if plot else []
    if plot:
        _draw(plot, found, of_days)
    _print(form, config.project, found)


def _print(form: str, name: str, found: Sequence[Metrics]) -> None:
    if form == "json":
        print_json([_plain(one) for one in found])
    elif form == "prometheus":
        from fairlead.report.prometheus import exposition  # noqa: PLC0415 for this form only

        echo(exposition(name, found), nl=False)
    else:
        _print_table(found)


def _plain(one: Metrics) -> dict[str, Any]:
    derived = {"changes_a_day": one.a_day, "failure_ratio": one.failure_ratio}
    return {**asdict(one), **derived}


def _print_table(found: Sequence[Metrics]) -> None:
    from fairlead.cli.tables import print_line, print_table  # noqa: PLC0415 Rich is only for people

    columns = (
        "ENVIRONMENT",
        "CHANGES",
        "A DAY",
        "LEAD TIME",
        "KNOWN FROM",
        "FAILED",
        "RESTORED IN",
    )
    print_table((*columns, "MIGRATIONS"), [_row(one) for one in found], spare=("KNOWN FROM",))
    print_line(f"Of the last {found[0].days} days; times are those of half of them / of 9 of 10.")


def _row(one: Metrics) -> tuple[str, ...]:
    known = ", ".join(f"{source} {count}" for source, count in one.lead_known_from.items())
    left = f", {one.not_restored} not over" if one.not_restored else ""
    return (
        one.environment,
        str(one.changes),
        f"{one.a_day:.2g}",
        _times(one.lead),
        known,
        f"{one.failed} ({one.failure_ratio:.0%})" if one.failure_ratio is not None else "",
        f"{_times(one.restore)}{left}",
        _times(one.migration),
    )


def _times(spread: Spread) -> str:
    return f"{duration(spread.median)} / {duration(spread.ninetieth)}" if spread.count else ""


def _draw(path: Path, found: Sequence[Metrics], changes: Sequence[ChangesOfADay]) -> None:
    """Raises InputError where it cannot be written."""
    from fairlead.report.plot import plot  # noqa: PLC0415 for this option only

    try:
        path.write_text(plot(found, changes, datetime.now(UTC).date()), encoding="utf-8")
    except OSError as error:
        raise InputError(
            f"{path} cannot be written: {error.strerror}.", next_step="Give --plot another file."
        ) from error
