"""What is pending for a release that is on its way, where Django can be asked."""

from collections.abc import Callable

from fairlead.database.pending import Pending, pending
from fairlead.run import Run

SHOWN = 5


def pending_now(run: Run, say: Callable[[str], None]) -> Pending | None:
    """None with commands of the project's own: nobody knows. Raises PresetUnfit, JobFailed."""
    if not run.choice.django:
        return None
    return pending(run.sites[0], run.running_target, say)


def in_words(found: Pending) -> str:
    """`2 migrations: app.0002_a, app.0003_b; 12 of 300 tenants are behind`."""
    names = [str(one) for one in found.migrations]
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return f"{_count(found)}: {', '.join(names[:SHOWN])}{more}{_behind(found)}"


def count_words(found: Pending) -> str:
    """`2 migrations pending; 12 of 300 tenants are behind`."""
    return f"{_count(found)} pending{_behind(found)}"


def _count(found: Pending) -> str:
    count = len(found.migrations)
    return f"{count} migration{'s' if count != 1 else ''}"


def _behind(found: Pending) -> str:
    behind = found.tenants - found.at_head
    return f"; {behind} of {found.tenants} tenants are behind" if behind else ""
