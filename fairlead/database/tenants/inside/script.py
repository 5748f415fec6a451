"""All that a tenant of a plain recipe needs as one text, sent in one round trip."""

from __future__ import annotations

from typing import List, Optional

from . import applied, project, steps
from .guard import NUMBER
from .project import Tenant
from .recipe import Recipe

# The error's code is not one that is tried again: step by step it is found out what is wrong.
GUARD = """
begin
  if not pg_try_advisory_xact_lock({number}, hashtext({name})) then
    raise exception using errcode = 'lock_not_available',
      message = 'another run migrates this tenant';
  end if;
  if {unlike} then
    raise exception using errcode = 'object_not_in_prerequisite_state',
      message = 'its migrations changed after they were read';
  end if;
end"""


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
    guard = GUARD.format(
        number=NUMBER,
        name=steps.literal(tenant.schema),
        unlike=_unlike(recipe, tenant),
    )
    return steps.joined(
        [
            "begin",
            f"set local search_path = {project.path(tenant)}",
            f"set local lock_timeout = {max(1, round(lock_timeout * 1000))}",
            f"do {steps.literal(guard)}",
            text,
            "commit",
        ]
    )


def _unlike(recipe: Recipe, tenant: Tenant) -> str:
    table, digest = applied.table(tenant.schema), recipe.segments[0].digest
    if recipe.table:
        return f"to_regclass({steps.literal(table)}) is not null"
    had = "null" if digest is None else steps.literal(digest)
    return f"(select {applied.DIGEST} from {table}) is distinct from {had}"
