"""Bringing the database of a failed release back to exactly the migrations that it had."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fairlead.database.reverse import reverse
from fairlead.engine.site import Site
from fairlead.engine.target import Target
from fairlead.errors import CannotReverse
from fairlead.model import Release
from fairlead.project import Project


@dataclass(frozen=True, slots=True)
class Undone:
    """`words` say what was `done`, or why nothing was: the database keeps its migrations then."""

    done: bool
    words: str


def undo_migrations(
    project: Project, release: Release, site: Site, target: Target, say: Callable[[str], None]
) -> Undone:
    """What was kept before they were applied says where to. Raises ReverseFailed."""
    before = project.store.applied.of(release.id)
    if not before:
        # Nothing was pending, or the policy is younger than the release, or it died too early.
        return Undone(
            False,
            "the database keeps what was migrated, if anything was: what it had "
            "before was not written down",
        )
    site.have_network()
    try:
        names = reverse(site, target, before, say)
    except CannotReverse as error:
        say(error.message)
        return Undone(False, f"the database keeps what was migrated: {_first(error.reasons)}")
    return Undone(True, f"the database has the migrations of before: {_listed(names)}")


def _listed(names: Sequence[str]) -> str:
    return f"{', '.join(names)} reversed" if names else "none had been applied"


def _first(reasons: Sequence[str]) -> str:
    more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    return f"{reasons[0]}{more} cannot be reversed"
