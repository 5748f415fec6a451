"""What was fetched from a bucket to be restored: an environment's rows, on this machine.

Whoever holds the environment's lease is the only one who restores there.
"""

import shutil
from pathlib import Path

from fairlead.store.embedded import home


def fetched_of(project: str, environment: str) -> Path:
    """The folder for it."""
    return home() / "backups" / "fetched" / project / environment


def has_fetched(project: str, environment: str) -> bool:
    folder = fetched_of(project, environment)
    return folder.is_dir() and any(folder.iterdir())


def clear_fetched(project: str, environment: str) -> str | None:
    """Of a restore that died, for who holds the lease: what was done, None where nothing was."""
    if not has_fetched(project, environment):
        return None
    shutil.rmtree(fetched_of(project, environment), ignore_errors=True)
    if has_fetched(project, environment):
        return f"{fetched_of(project, environment)}, which a restore left, cannot be removed"
    return "what a restore that died had fetched is removed"
