"""What a shell may complete: names out of fairlead.toml.

The file is only read, not validated: half a config is better than none here, and it is quick.
"""

import tomllib
from collections.abc import Callable

import click

Complete = Callable[[click.Context, click.Parameter, str], list[str]]


def _names_of(table: str) -> Complete:
    def names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        from fairlead.config.load import find  # noqa: PLC0415 only while a shell completes

        try:
            text = find(ctx.find_root().params.get("config")).read_text(encoding="utf-8")
            found = tomllib.loads(text).get(table)
        except (OSError, ValueError):
            return []
        known = found if isinstance(found, dict) else {}
        return [name for name in known if name.startswith(incomplete)]

    return names


environments = _names_of("environments")
services = _names_of("services")
