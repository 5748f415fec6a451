"""What the commands share: the open project, and one way to print."""

import dataclasses
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import click

from fairlead.cli.failing import echo
from fairlead.config import find
from fairlead.project import Project
from tasks.blocks import prefect_secret

as_json = click.option("--json", "as_json", is_flag=True, help="As JSON.")


@contextmanager
def project(ctx: click.Context) -> Iterator[Project]:
    opened = Project.open(find(ctx.obj["config"]), prefect_secret=prefect_secret)
    try:
        yield opened
    finally:
        opened.close()


def teller(opened: Project, *, quiet: bool = False) -> Callable[[str], None]:
    """Prints what goes on beside what a command answers."""

    def say(line: str) -> None:
        if not quiet:
            echo(opened.redact(line), err=True)

    return say


def asker(opened: Project, question: str, *, yes: bool) -> Callable[[Sequence[str]], None]:
    """Shows the lines that it is given, and asks unless `yes` is said already."""

    def agree(lines: Sequence[str]) -> None:
        for line in lines:
            echo(f"  {opened.redact(line)}")
        if not yes:
            click.confirm(question, abort=True)

    return agree


def print_json(value: Any) -> None:
    json.dump(value, sys.stdout, indent=2, default=_plain)
    sys.stdout.write("\n")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not JSON")


def when(moment: datetime | None, *, seconds: bool = True) -> str:
    """In the reader's own time zone."""
    shape = "%Y-%m-%d %H:%M:%S" if seconds else "%Y-%m-%d %H:%M"
    return moment.astimezone().strftime(shape) if moment else ""
