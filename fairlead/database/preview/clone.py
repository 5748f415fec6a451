"""A scratch database beside the real one: its schema without its rows, to try migrations on."""

import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
from psycopg import Connection, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import DictRow

from fairlead.database.backup.beside import at, connected, create_like, drop, elsewhere, fitted
from fairlead.database.backup.process import libpq_environ, run
from fairlead.database.backup.programs import Programs
from fairlead.store.database import first_line

PART = "_fairlead_preview_"
# Every schema with a django_migrations of its own that is not wanted: that of another tenant.
OTHERS = """
select n.nspname as name from pg_namespace n join pg_class c on c.relnamespace = n.oid
where c.relname = 'django_migrations' and c.relkind = 'r' and n.nspname <> all(%s) order by 1
"""
MIGRATIONS = """
select n.nspname as name from pg_namespace n join pg_class c on c.relnamespace = n.oid
where c.relname = 'django_migrations' and c.relkind = 'r' order by 1
"""
# A preview's session is there before its database, and after it. Its lock is seen by every role.
NUMBER = 0x7E7B  # of its advisory lock; the second half is the copy's name
HOLD = "select pg_advisory_lock(%s, hashtext(%s))"
LEFT = """
select d.datname as name from pg_database d
where starts_with(d.datname, %s) and pg_has_role(d.datdba, 'member')
  and not exists (select 1 from pg_stat_activity a
    where d.datname in (a.application_name, a.datname))
  and not exists (select 1 from pg_locks l where l.locktype = 'advisory'
    and l.classid::bigint = %s and l.objid::bigint = hashtext(d.datname) & 4294967295)
"""
OWNER = """
select pg_get_userbyid(datdba) as role, pg_has_role(datdba, 'usage') as rights
from pg_database where datname = %s
"""
BECOME = "select set_config('role', %s, false) where not pg_has_role(%s, 'usage')"
END = """
select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and usename = current_user
"""
MAY_MAKE = """
select r.rolname as role, r.rolcreatedb or r.rolsuper as may,
  current_setting('server_version_num')::int / 10000 as major, current_database() as database
from pg_roles r where r.rolname = current_user
"""


class NoClone(Exception):
    """`str()` says why there can be none; `next_step` what to do about it."""

    def __init__(self, why: str, next_step: str = "") -> None:
        super().__init__(why)
        self.next_step = next_step


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """`schemas` are kept, where a project has tenants; of others all are. `owner` is the role that
    the project connects as. `lock_timeout` and `timeout` are seconds, the latter for all of it."""

    conninfo: str
    schemas: Sequence[str] | None
    owner: str
    environ: Mapping[str, str]
    lock_timeout: float
    timeout: float


@contextmanager
def cloned(wanted: Wanted, programs: Programs) -> Iterator[str]:
    """The name of the database, which is gone afterwards. Raises NoClone, psycopg.Error."""
    deadline = time.monotonic() + wanted.timeout
    database = str(conninfo_to_dict(wanted.conninfo).get("dbname"))
    clear_left(wanted.conninfo, database)
    name = fitted(database, f"{PART}{uuid.uuid4().hex[:8]}")
    with (
        connected(wanted.conninfo, name, wanted.timeout) as real,
        connected(wanted.conninfo, name, wanted.timeout) as maker,
    ):
        real.execute("select set_config('lock_timeout', %s, false)",
                     (str(round(wanted.lock_timeout * 1000)),))  # fmt: skip
        real.execute("set default_transaction_read_only = on")
        maker.execute(HOLD, (NUMBER, name))
        try:
            _make(maker, database, name, wanted.owner)
            _copy_schema(wanted, programs, real, name, deadline)
            _copy_applied(wanted, real, name)
            yield name
        finally:
            _leave_nothing(maker, wanted.conninfo, name)


def check_may_make(conninfo: str) -> tuple[str, int]:
    """The database's name and the server's major version. Raises NoClone where the role may not
    make databases."""
    with connected(conninfo, "fairlead") as connection:
        row = connection.execute(MAY_MAKE).fetchone()
    assert row is not None
    if not row["may"]:
        role = sql.Identifier(row["role"]).as_string(None)
        raise NoClone(
            f'the role "{row["role"]}" may not make the scratch database to try them on',
            f"Grant it, as a superuser of that server: ALTER ROLE {role} CREATEDB",
        )
    return row["database"], int(row["major"])


def clear_left(conninfo: str, database: str) -> None:
    """What previews that died have left of this database. What cannot be taken away, or not
    by this role, stays: it is in nobody's way."""
    prefix = fitted(database, PART + "x" * 8)[:-8]
    with elsewhere(conninfo, "fairlead") as connection:
        for row in connection.execute(LEFT, (prefix, NUMBER)).fetchall():
            with suppress(psycopg.Error):
                _take_away(connection, row["name"])


def dump_command(
    programs: Programs, file: Path, without: Sequence[str], lock_timeout: float
) -> list[str]:
    """pg_dump(1): what tables are made of. Names are patterns there, which quotes take as they are;
    nothing that only a superuser could make again."""
    return [
        programs.path("pg_dump"),
        "--schema-only",
        "--format=custom",
        "--no-owner",
        "--no-privileges",
        "--no-comments",
        "--no-publications",
        "--no-subscriptions",
        "--no-security-labels",
        "--no-tablespaces",
        f"--lock-wait-timeout={round(lock_timeout * 1000)}",
        "--no-password",
        f"--file={file}",
        *("--exclude-schema=" + sql.Identifier(name).as_string(None) for name in without),
    ]


def restore_command(programs: Programs, file: Path, database: str, role: str | None) -> list[str]:
    """pg_restore(1). Names with an equals sign would be taken for a connection string."""
    return [
        programs.path("pg_restore"),
        "--exit-on-error",
        "--single-transaction",
        "--no-owner",
        "--no-password",
        *([f"--role={role}"] if role else []),
        f"--dbname={psycopg.conninfo.make_conninfo(dbname=database)}",
        str(file),
    ]


def _make(maker: Connection[DictRow], database: str, name: str, owner: str) -> None:
    try:
        create_like(maker, database, name)
        row = maker.execute("select current_user as role").fetchone()
        if row is not None and row["role"] != owner:
            _give(maker, name, owner)
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.UndefinedObject) as error:
        raise NoClone(
            f'the scratch database cannot be made for the role "{owner}": {first_line(error)}',
            f'Let direct_url connect as a role with CREATEDB that is a member of "{owner}".',
        ) from error


def _give(maker: Connection[DictRow], name: str, owner: str) -> None:
    """Who makes it may connect to it all the same."""
    database = sql.Identifier(name)
    maker.execute(sql.SQL("alter database {} owner to {}").format(database, sql.Identifier(owner)))
    with _in_place_of(maker, owner):
        maker.execute(sql.SQL("grant connect on database {} to session_user").format(database))


def _leave_nothing(maker: Connection[DictRow], conninfo: str, name: str) -> None:
    """Its connection has done nothing for as long as the migrations took, and may be cut."""
    try:
        _take_away(maker, name)
    except psycopg.OperationalError:
        with elsewhere(conninfo, name) as again:
            _take_away(again, name)


def _take_away(connection: Connection[DictRow], name: str) -> None:
    """Also where the owner's rights are had in its place only: neither may end the other's sessions
    then, and a DROP without FORCE waits five seconds for those to be gone."""
    owner = connection.execute(OWNER, (name,)).fetchone()
    if owner is None or owner["rights"]:
        drop(connection, name)
        return
    connection.execute(END, (name,))
    with _in_place_of(connection, owner["role"]):
        connection.execute(END, (name,))
        connection.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))


@contextmanager
def _in_place_of(connection: Connection[DictRow], role: str) -> Iterator[None]:
    """As `role`, where a membership without INHERIT gives none of its rights otherwise."""
    connection.execute(BECOME, (role, role))
    try:
        yield
    finally:
        connection.execute("reset role")


def _copy_schema(
    wanted: Wanted, programs: Programs, real: Connection[DictRow], name: str, deadline: float
) -> None:
    without: list[str] = []
    if wanted.schemas is not None:
        rows = real.execute(OTHERS, (list(wanted.schemas),)).fetchall()
        without = [row["name"] for row in rows]
    own = conninfo_to_dict(wanted.conninfo).get("user")
    with TemporaryDirectory(prefix="fairlead-preview-") as folder:
        file = Path(folder) / "schema"
        dump = dump_command(programs, file, without, wanted.lock_timeout)
        role = wanted.owner if wanted.owner != own else None
        restore = restore_command(programs, file, name, role)
        for command, database in ((dump, None), (restore, name)):
            conninfo = at(wanted.conninfo, database) if database else wanted.conninfo
            environ = libpq_environ(conninfo, name=name, inherited=wanted.environ)
            ended = run(command, environ=environ, deadline=deadline)
            if ended.problem:
                said = f": {ended.tail[0]}" if ended.tail else ""
                raise NoClone(f"the schema cannot be copied, {ended.problem}{said}")


def _copy_applied(wanted: Wanted, real: Connection[DictRow], name: str) -> None:
    """Not where it cannot be read, as that of a tenant that was dropped meanwhile."""
    try:
        _copy_migrations(wanted, real, name)
    except psycopg.Error as error:
        raise NoClone(f"what is applied cannot be copied: {first_line(error)}") from error


def _copy_migrations(wanted: Wanted, real: Connection[DictRow], name: str) -> None:
    """What is applied already: the only rows that the copy has."""
    with (
        connected(at(wanted.conninfo, name), name) as scratch,
        _in_place_of(scratch, wanted.owner),
    ):
        for row in scratch.execute(MIGRATIONS).fetchall():
            table = sql.Identifier(row["name"], "django_migrations")
            columns = sql.SQL("(app, name, applied)")
            source = sql.SQL("copy {} {} to stdout").format(table, columns)
            into = sql.SQL("copy {} {} from stdin").format(table, columns)
            with real.cursor().copy(source) as rows, scratch.cursor().copy(into) as taken:
                for part in rows:
                    taken.write(part)
