"""Whole schemas, from one database into another: pg_dump writes them, pg_restore reads them."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from fairlead.database.backup.process import libpq_environ, run
from fairlead.database.backup.programs import Programs
from fairlead.errors import CarryFailed

NAME = "fairlead carry"
TIMEOUT = 3600  # seconds for each of the two


def dump_command(programs: Programs, file: Path, schemas: Sequence[str]) -> list[str]:
    """pg_dump(1). Names are patterns there, which quotes take as they are."""
    return [
        programs.path("pg_dump"),
        "--format=custom",
        "--compress=1",
        "--lock-wait-timeout=60s",
        "--no-password",
        f"--file={file}",
        *("--schema=" + sql.Identifier(name).as_string(None) for name in schemas),
    ]


def restore_command(programs: Programs, file: Path, conninfo: str) -> list[str]:
    """pg_restore(1). All or nothing."""
    database = make_conninfo(dbname=str(conninfo_to_dict(conninfo).get("dbname")))
    return [
        programs.path("pg_restore"),
        "--single-transaction",
        "--exit-on-error",
        "--no-password",
        f"--dbname={database}",
        str(file),
    ]


def bring_schemas(
    old: str,
    new: str,
    environment: str,
    schemas: Sequence[str],
    programs: Programs,
    folder: Path,
) -> None:
    """The file between them is readable by us only, and gone afterwards. Raises CarryFailed."""
    with TemporaryDirectory(prefix="carry-", dir=folder) as made:
        file = Path(made) / "schemas"
        ways = (
            (dump_command(programs, file, schemas), old),
            (restore_command(programs, file, new), new),
        )
        for command, conninfo in ways:
            environ = libpq_environ(conninfo, name=NAME, inherited=os.environ)
            ended = run(command, environ=environ, deadline=time.monotonic() + TIMEOUT)
            if ended.problem:
                said = f": {ended.tail[-1]}" if ended.tail else ""
                raise CarryFailed(
                    environment,
                    f"the schemas {', '.join(schemas)}",
                    f"{ended.problem}{said}",
                    "Mend it in the old database, or carry fewer tenants.",
                )
