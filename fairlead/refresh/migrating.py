"""The new data is brought to the code that is deployed, by that code, and looked at."""

from psycopg import Connection
from psycopg.rows import DictRow

from fairlead.database.asking import ask
from fairlead.database.backup.beside import connected
from fairlead.database.checks.look import look_after, look_before
from fairlead.database.migrate import migrate as run_migrations
from fairlead.database.refresh.analyze import analyze
from fairlead.database.refresh.autovacuum import let_in
from fairlead.database.tenants.fast import Watch
from fairlead.model import PhaseName
from fairlead.refresh.frame import Refreshing
from fairlead.refresh.masking import give_rights_as_before

APPLIED = """
select app || '.' || name as name from public.django_migrations
"""
HAS_APPLIED = "select to_regclass('public.django_migrations') is not null as has"


def migrate(run: Refreshing) -> None:
    """In one-off containers of the deployed digest, with its settings, led to the new database.

    Raises JobFailed, TenantsFailed, PresetUnfit, HostUnreachable, RefreshFailed, LeaseLost."""
    with run.phase(PhaseName.MIGRATE) as step:
        seen, applied = run.seen, list[str]()
        run.before = look_before(run.made, seen.deployed.config)
        with run.project.open_sites(seen.deployed.config, run.environment) as (site, *_):
            site.have_network()
            choice = ask(site, seen.beside, step.say).choice
            ran = run_migrations(site, seen.beside, choice, Watch(step.say, applied.append))
        run.note(migrated=applied)
        _check_reached(run)
        if ran:
            step.detail = f"{len(applied)} applied by {seen.deployed.sha[:7]}"
        else:
            step.skip("there is nothing to run")


def _check_reached(run: Refreshing) -> None:
    """What the environment's own database has, this one has to have too: else the containers went
    to another database than they were led to, and changed nothing in that."""
    with (
        connected(run.target, run.row.session) as old,
        connected(run.made, run.row.session) as new,
    ):
        missing = sorted(_applied(old) - _applied(new))
    if missing:
        raise run.failed(
            f"{missing[0]} is applied in {run.row.database} and not in {run.row.made}, once both "
            f"are migrated: does the image take its database from another variable?"
        )


def _applied(connection: Connection[DictRow]) -> set[str]:
    row = connection.execute(HAS_APPLIED).fetchone()
    if row is None or not row["has"]:
        return set()
    return {row["name"] for row in connection.execute(APPLIED).fetchall()}


def check_data(run: Refreshing) -> None:
    """As after the migrations of a release; and the planner knows it before anybody asks. Then the
    tables are autovacuum's again.

    Raises RefreshFailed, LeaseLost."""
    with run.phase(PhaseName.CHECK_DATA) as step:
        config = run.seen.deployed.config
        assert run.before is not None, "migrate comes first"
        give_rights_as_before(run)
        after = look_after(run.made, config, run.before, run.project.config.checks)
        for line in after.known:
            step.say(f"was so in production: {line}")
        if after.problems:
            raise run.failed("the data does not pass once it is migrated", tuple(after.problems))
        analyze(run.made, run.row.session, run.settings.jobs, run.left)
        with connected(run.made, run.row.session, run.left) as connection:
            let_in(connection, run.kept_off)
            size = connection.execute("select pg_database_size(current_database()) as bytes")
            row = size.fetchone()
        run.note(new_bytes=row["bytes"] if row else None, checks=len(run.project.config.checks))
        step.detail = "constraints, indexes and sequences whole"
