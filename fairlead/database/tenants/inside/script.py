"""All that a tenant of a plain recipe needs as one text, sent in one round trip."""

from __future__ import annotations

from typing import List, Optional

from . import applied, project, steps
from .guard import NUMBER
from .project import Tenant
from .recipe import Recipe

# A division by zero takes less time than a block that raises: step by step it is found out what is
# wrong. Two statements: what is applied is read only once nobody else can be about to commit.
ALONE = "select 1 / pg_try_advisory_xact_lock({}, hashtext({}))::int"
LIKE = "select 1 / ({})::int"


def body(recipe: Recipe) -> Optional[str]:
    """The same for all its tenants. None where Django has to do something of it."""
    (segment, *more) = recipe.segments
    done = [step.sql is not None for step in segment.steps]
    if more or not all(done) or recipe.permissions is None or project.hooked():
        return None
    parts: List[str] = [recipe.table]
    for step in segment.steps:
        parts += steps.parts(step)
    return steps.joined([*parts, steps.insert(recipe.squashed), recipe.permissions])


def whole(recipe: Recipe, text: str, tenant: Tenant, lock_timeout: float) -> str:
    """With its transaction, and a guard as guard.alone() is. `lock_timeout` is in seconds."""
    return steps.joined(
        [
            "begin",
            f"set local search_path = {project.path(tenant)}",
            f"set local lock_timeout = {max(1, round(lock_timeout * 1000))}",
            ALONE.format(NUMBER, steps.literal(tenant.schema)),
            LIKE.format(_like(recipe, tenant)),
            text,
            "commit",
        ]
    )


def _like(recipe: Recipe, tenant: Tenant) -> str:
    table, digest = applied.table(tenant.schema), recipe.segments[0].digest
    if recipe.table:
        return f"to_regclass({steps.literal(table)}) is null"
    had = "null" if digest is None else steps.literal(digest)
    return f"(select {applied.DIGEST} from {table}) is not distinct from {had}"
