"""Filling the new database with pg_restore, section after section: masking comes between.

https://www.postgresql.org/docs/current/app-pgrestore.html
"""

import os
import re
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import DictRow

from fairlead.database.backup.process import Ended, libpq_environ, run
from fairlead.database.backup.programs import Programs

Section = Literal["pre-data", "data", "post-data"]
CONTENTS = "toc.dat"
OPTIONS = "-c synchronous_commit=off -c statement_timeout=0 -c lock_timeout=0"
# The credentials with which production goes to other servers, and what acts by itself.
LEFT_OUT = re.compile(r"^\d+; \d+ \d+ (USER MAPPING|EVENT TRIGGER|SUBSCRIPTION|PUBLICATION) ", re.M)
OWNER = """
select pg_get_userbyid(owner) as owner, pg_has_role(owner, 'MEMBER') as may from (
  select relowner as owner from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where relkind in ('r', 'p') and n.nspname <> 'information_schema' and n.nspname !~ '^pg_'
    and n.nspname <> 'fairlead_mark'
  group by 1 order by count(*) desc limit 1) most
"""
TENANTS = """
select count(*) as count from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relname = 'django_migrations' and c.relkind = 'r' and n.nspname <> 'public'
"""


def list_command(programs: Programs, folder: Path) -> list[str]:
    return [programs.path("pg_restore"), "--list", str(folder)]


def wanted(listing: str) -> str:
    """The table of contents without what does not leave production; pure."""
    return LEFT_OUT.sub(r";\g<0>", listing)


def restore_command(
    programs: Programs,
    folder: Path,
    section: Section,
    jobs: int,
    *,
    selected: Sequence[str],
    database: str,
    role: str,
) -> list[str]:
    """The first error ends it. `selected` are more arguments, of what is restored; `role` is who
    owns it then."""
    return [
        programs.path("pg_restore"),
        "--exit-on-error",
        f"--section={section}",
        f"--jobs={jobs if section != 'pre-data' else 1}",
        *selected,
        "--no-owner",
        "--no-privileges",
        "--no-security-labels",
        "--no-tablespaces",
        f"--role={role}",
        "--no-password",
        f"--dbname={make_conninfo(dbname=database)}",
        str(folder),
    ]


def restore(
    command: list[str],
    conninfo: str,
    session: str,
    *,
    settings: Mapping[str, str],
    deadline: float,
    tick: Callable[[], object],
) -> Ended:
    """`settings` are of its sessions; they are handed over where the password is."""
    fields: Mapping[str, object] = conninfo_to_dict(conninfo)
    more = " ".join(f"-c {name}={value}" for name, value in settings.items())
    given = f"{fields.get('options') or ''} {OPTIONS} {more}".strip()
    way = make_conninfo(conninfo, options=given)
    environ = libpq_environ(way, name=session, inherited=os.environ)
    return run(command, environ=environ, deadline=deadline, tick=tick)


def owner_of(connection: Connection[DictRow]) -> tuple[str, bool]:
    """Who owns the tables of this database, and whether our role may make some for it."""
    found = connection.execute(OWNER).fetchone()
    if found is None:
        found = connection.execute("select current_user as owner, true as may").fetchone()
    assert found is not None
    return found["owner"], found["may"]


def let_make(connection: Connection[DictRow], database: str, role: str) -> None:
    """The role may make things in the new database, and still not connect to it."""
    connection.execute(
        sql.SQL("grant create on database {} to {}").format(
            sql.Identifier(database), sql.Identifier(role)
        )
    )


def let_make_in_public(connection: Connection[DictRow], role: str) -> None:
    """Since PostgreSQL 15 only the owner of the database may, unless somebody else is told so."""
    connection.execute(sql.SQL("grant all on schema public to {}").format(sql.Identifier(role)))


def keep_contents(dump: Path, folder: Path) -> None:
    """The table of contents in a new `folder`, for what comes after the rows."""
    folder.mkdir(mode=0o700)
    shutil.copyfile(dump / CONTENTS, folder / CONTENTS)


def count_tenants(connection: Connection[DictRow]) -> int:
    row = connection.execute(TENANTS).fetchone()
    return int(row["count"]) if row else 0
