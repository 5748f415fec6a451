"""Migrations are tried on a scratch copy, and the real database is left as it is."""

import multiprocessing
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from examples.stand.postgres import Postgres
from fairlead.database.pending import Pending
from fairlead.database.preview import clone
from fairlead.database.preview.judge import blocking, breaking, unread
from fairlead.database.preview.look import look_ahead
from fairlead.database.preview.model import Preview, Statement, Verdict
from fairlead.database.tenants.inside_job import Event
from tests.bench import ahead
from tests.bench.ahead import Here, databases, here, schema_of
from tests.bench.many import Many, interpreter
from tests.bench.waiting import until

# By migration: what it works on, its strongest locks, whether the old code lives with it.
ORDER, PERSON = "ahead_order", "ahead_person"
FACTS = {
    "0002_widened": ([], [("ACCESS EXCLUSIVE", ORDER)], []),
    "0003_shrunk": (["rewrites"], [("ACCESS EXCLUSIVE", ORDER)], ["breaks"]),
    "0004_larger": (["rewrites"], [("ACCESS EXCLUSIVE", ORDER)], []),
    "0005_person": (
        ["builds an index of"],
        [("ACCESS EXCLUSIVE", ORDER), ("SHARE ROW EXCLUSIVE", PERSON)],
        [],
    ),
    "0006_not_null": (
        ["writes rows of", "reads all of"],
        [("ACCESS EXCLUSIVE", ORDER)],
        ["breaks"],
    ),
    "0007_required": ([], [("ACCESS EXCLUSIVE", ORDER)], ["breaks"]),
    "0008_dropped": ([], [("ACCESS EXCLUSIVE", ORDER)], ["breaks"]),
    "0009_renamed": ([], [("ACCESS EXCLUSIVE", ORDER)], ["breaks"]),
    "0010_concurrently": (["builds an index of"], [("SHARE UPDATE EXCLUSIVE", ORDER)], []),
    "0011_indexed": (["builds an index of"], [("SHARE", ORDER)], []),
    "0012_code": ([], [], []),
    "0013_data": (["writes rows of"], [("ROW EXCLUSIVE", ORDER)], ["unknown"]),
    "0014_unique": (["builds an index of"], [("ACCESS EXCLUSIVE", ORDER)], ["may break"]),
    "0015_line": ([], [("SHARE ROW EXCLUSIVE", ORDER)], []),
}

TRIGGER = "create trigger stamp before insert on {} for each row execute function ahead_stamp()"
BODY = "function ahead_stamp() returns trigger language plpgsql as $$ begin return new; end $$"
# The project's own SQL, its strongest lock, and whether the old code lives with it.
OWN = {
    f"create {BODY}": ([], []),
    f"create or replace {BODY}": ([], ["unknown"]),
    TRIGGER.format("ahead_order"): (["SHARE ROW EXCLUSIVE"], ["unknown"]),
    TRIGGER.format("ahead_line"): ([], []),
    "create rule kept as on delete to ahead_order do instead nothing": (
        ["ACCESS EXCLUSIVE"],
        ["unknown"],
    ),
    "create policy own on ahead_order using (true)": (["ACCESS EXCLUSIVE"], ["may break"]),
    "alter table ahead_order enable row level security": (["ACCESS EXCLUSIVE"], ["may break"]),
    "alter table ahead_order alter id set generated always": (["ACCESS EXCLUSIVE"], ["breaks"]),
    "vacuum full ahead_order": (["ACCESS EXCLUSIVE"], ["unknown"]),
}
OWN_SQL = """
from django.db import migrations

class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ahead", "0015_line")]
    operations = [migrations.RunSQL({statements})]
"""


@pytest.fixture
def name() -> str:
    """Of a database of this test's own."""
    return f"ahead_{uuid.uuid4().hex[:8]}"


@pytest.fixture
def one(postgres: Postgres, tmp_path: Path, name: str) -> Many:
    """Without tenants."""
    return ahead.plain(postgres.url(), name, interpreter("5.2"), tmp_path)


def facts(
    statements: list[Statement], schema: str
) -> tuple[list[str], list[tuple[str, str]], list[str]]:
    works = [str(work.kind) for one in statements for work in one.works]
    locks = {lock.table.name: lock.mode for one in reversed(statements) for lock in one.locks}
    schemas = {lock.table.schema for one in statements for lock in one.locks}
    assert schemas <= {schema}
    troubles = [str(trouble.verdict) for one in statements for trouble in one.troubles]
    return works, sorted((mode, table) for table, mode in locks.items()), troubles


@pytest.mark.parametrize("django", ["4.2", "5.2", "newest"])
@pytest.mark.parametrize("tenants", [False, True], ids=["plain", "tenants"])
def test_each_kind_of_migration_is_seen_for_what_it_does(
    django: str, tenants: bool, postgres: Postgres, tmp_path: Path, name: str
) -> None:
    make = ahead.with_tenants if tenants else ahead.plain
    many = make(postgres.url(), name, interpreter(django), tmp_path)
    before = schema_of(many.url)
    inside = here(many)
    preview = look_ahead(inside, inside.pending, many.url)

    assert schema_of(many.url) == before
    assert copies(many) == []
    assert preview.blind == ""
    stages = {stage.schema: stage for stage in preview.stages}
    tried = {"alpha": FACTS, "beta-2": {**FACTS}} if tenants else {"": FACTS}
    if tenants:
        assert (stages["alpha"].tenants, stages["beta-2"].tenants) == (2, 1)
        assert [*stages[""].statements()] == []
        del tried["beta-2"]["0002_widened"]
    for schema, wanted in tried.items():
        found = {
            one.name: facts(list(one.statements), "" if tenants else "public")
            for one in stages[schema].migrations
        }
        assert found == wanted
    (sizes,) = [one for one in stages[next(iter(tried))].sizes if one.table.name == ORDER]
    assert (sizes.rows, sizes.exact, sizes.tables) == (
        (2000, True, 2) if tenants else (1000, True, 1)
    )
    assert sizes.all_bytes >= sizes.bytes > 80_000
    assert [str(one) for one in unread(preview)] == [
        "ahead.0012_code: runs ahead.migrations.0012_code.number_all",
        "ahead.0013_data: the project's own SQL: read it",
    ]
    assert len(breaking(preview, Verdict.BREAKS)) == 5
    assert len(blocking(preview, 80_000)) == 7
    assert blocking(preview, 1e9) == []


def test_second_opinion_stands_beside_each_statement(one: Many) -> None:
    rules = {
        migration.name: {remark.rule for remark in statement.remarks}
        for migration, statement in looked(one).stages[0].statements()
        if statement.remarks
    }
    assert rules["0003_shrunk"] == {"changing-column-type"}
    assert rules["0008_dropped"] == {"ban-drop-column"}
    assert "0010_concurrently" not in rules


def test_strong_lock_of_an_earlier_statement_is_told_where_it_lasts(one: Many) -> None:
    (held,) = [
        lock
        for migration, statement in looked(one).stages[0].statements()
        for lock in statement.held
    ]
    assert (held.mode, str(held.table)) == ("SHARE ROW EXCLUSIVE", "public.ahead_person")


def test_own_sql_is_told_with_its_locks_and_what_it_may_change_for_the_old_code(one: Many) -> None:
    path = one.folder / "ahead" / "migrations" / "0016_own.py"
    path.write_text(OWN_SQL.format(statements=list(OWN)))
    found = {
        statement.sql: (
            [lock.mode for lock in statement.locks],
            [str(trouble.verdict) for trouble in statement.troubles],
        )
        for migration, statement in looked(one).stages[0].statements()
        if migration.name == "0016_own"
    }
    assert found == OWN


def test_models_that_were_changed_without_a_migration_are_told(
    postgres: Postgres, tmp_path: Path, name: str
) -> None:
    upto = " ".join(f"{number:04}" for number in range(1, 8))
    many = ahead.plain(postgres.url(), name, interpreter("5.2"), tmp_path, upto)
    told = looked(many).unwritten
    assert "ahead: Rename field price on order to amount" in told or (
        "ahead: Remove field price from order" in told
    )
    assert "ahead: Create model Line" in told


def test_role_that_may_make_no_database_is_told_what_to_grant(
    postgres: Postgres, one: Many, name: str
) -> None:
    with role(postgres, one, f"{name}_role") as url:
        preview = look_ahead(here(one), here(one).pending, url)
    assert preview.blind == (
        f'the role "{name}_role" may not make the scratch database to try them on'
    )
    assert preview.next_step == (
        f'Grant it, as a superuser of that server: ALTER ROLE "{name}_role" CREATEDB'
    )
    (stage,) = preview.stages
    assert [one.name for one in stage.migrations] == list(FACTS)
    assert stage.migrations[0].operations == ("Alter field code on Order",)
    assert [*stage.statements()] == []


def test_copy_belongs_to_the_role_that_the_containers_have(
    postgres: Postgres, one: Many, name: str
) -> None:
    with role(postgres, one, f"{name}_role") as url:
        project = Many(one.python, one.folder, url, one.environ)
        preview = look_ahead(here(project), here(project).pending, one.url)
    assert (preview.blind, len(breaking(preview, Verdict.BREAKS))) == ("", 5)


def test_project_that_goes_to_another_database_is_not_believed(one: Many) -> None:
    """As through a pooler, which knows no other database."""
    settings = one.folder / "project" / "plain.py"
    guard = "import django.conf\nDATABASES['default']['OPTIONS'] = {}\n"
    fixed = "class Fixed(dict):\n    def __setitem__(self, key, value):\n        pass\n"
    fixed += "DATABASES['default'] = Fixed(DATABASES['default'])\n"
    settings.write_text(settings.read_text() + guard + fixed)
    before = schema_of(one.url)
    preview = looked(one)
    assert preview.blind.startswith(
        "the project does not run on the copy: fairlead_inside.previewing.NotScratch: the "
        "project's settings lead to"
    )
    assert schema_of(one.url) == before


def test_what_a_killed_preview_left_is_dropped_by_the_next(
    postgres: Postgres, one: Many, name: str
) -> None:
    left = f"{name}{clone.PART}12345678"
    other = f"{name}_too{clone.PART}12345678"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for database in (left, other):
            connection.execute(sql.SQL("create database {}").format(sql.Identifier(database)))
        alive = f"{name}{clone.PART}87654321"
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(alive)))
        with psycopg.connect(postgres.url(), application_name=alive):
            looked(one)
            there = set(databases(postgres.url()))
        for database in (other, alive):
            connection.execute(sql.SQL("drop database {}").format(sql.Identifier(database)))
    assert (left in there, other in there, alive in there) == (False, True, True)


class Hanging(Here):
    """Never comes back once the copy is there."""

    def run(self, database: str, pending: Pending, timeout: float) -> list[Event]:
        time.sleep(600)
        return []


def test_copy_of_a_preview_that_was_killed_goes_with_the_next_one(one: Many) -> None:
    inside = here(one)
    found = inside.pending
    hanging = Hanging(one, inside.target)
    fork = multiprocessing.get_context("fork")
    process = fork.Process(target=look_ahead, args=(hanging, found, one.url))
    process.start()
    until(lambda: bool(copies(one)))
    process.kill()
    process.join()
    (left,) = copies(one)
    until(lambda: not sessions(one, left))
    assert copies(one) == [left]
    looked(one)
    assert copies(one) == []


def test_migration_that_fails_on_the_copy_is_named_and_what_came_before_is_told(
    one: Many,
) -> None:
    path = one.folder / "ahead" / "migrations" / "0009_renamed.py"
    text = path.read_text().replace(
        "operations = [", 'operations = [migrations.RunSQL("alter table nowhere add x int"),'
    )
    path.write_text(text)
    preview = looked(one)
    (broke,) = [one for one in preview.stages[0].migrations if one.broke]
    assert (broke.name, broke.broke) == (
        "0009_renamed",
        'ProgrammingError: relation "nowhere" does not exist',
    )
    assert len(breaking(preview, Verdict.BREAKS)) == 4


def test_copy_is_gone_also_when_the_program_inside_is_killed(postgres: Postgres, one: Many) -> None:
    inside = here(one)
    found = inside.pending

    class Dying(Here):
        def run(self, database: str, pending: Pending, timeout: float) -> list[Event]:
            assert not database or database in databases(postgres.url())
            if database:
                raise KeyboardInterrupt
            return super().run(database, pending, timeout)

    with pytest.raises(KeyboardInterrupt):
        look_ahead(Dying(one, inside.target), found, one.url)
    assert copies(one) == []


def test_where_nothing_is_applied_yet_nothing_can_break(
    postgres: Postgres, tmp_path: Path, name: str
) -> None:
    many = ahead.plain(postgres.url(), name, interpreter("5.2"), tmp_path)
    with psycopg.connect(many.url, autocommit=True) as connection:
        connection.execute("drop schema public cascade; create schema public")
    preview = looked(many)
    assert (preview.first, preview.blind) == (True, "nothing is applied yet: every table is new")
    assert [*preview.stages[0].statements()] == []


def sessions(many: Many, name: str) -> int:
    with psycopg.connect(many.url) as connection:
        found = connection.execute(
            "select count(*) from pg_stat_activity where application_name = %s", [name]
        ).fetchone()
    assert found is not None
    return int(found[0])


def copies(many: Many) -> list[str]:
    own = many.url.rpartition("/")[2] + clone.PART
    return [one for one in databases(many.url) if one.startswith(own)]


def looked(many: Many) -> Preview:
    inside = here(many)
    return look_ahead(inside, inside.pending, many.url)


@contextmanager
def role(postgres: Postgres, many: Many, name: str) -> Iterator[str]:
    """The database as a role without rights of its own sees it, which owns all that is in it."""
    database = many.url.rpartition("/")[2]
    owner = psycopg.conninfo.conninfo_to_dict(many.url)["user"]
    with psycopg.connect(many.url, autocommit=True) as connection:
        made = sql.Identifier(name)
        connection.execute(sql.SQL("create role {} login password 'x'").format(made))
        tables = connection.execute(
            "select relname from pg_class where relnamespace = 'public'::regnamespace "
            "and relkind = 'r'"
        ).fetchall()
        for (table,) in tables:
            connection.execute(
                sql.SQL("alter table {} owner to {}").format(sql.Identifier(table), made)
            )
        connection.execute(sql.SQL("alter schema public owner to {}").format(made))
        try:
            yield f"postgresql://{name}:x@{postgres.host}:{postgres.port}/{database}"
        finally:
            as_owner = sql.Identifier(str(owner))
            connection.execute(sql.SQL("reassign owned by {} to {}").format(made, as_owner))
            connection.execute(sql.SQL("drop role {}").format(made))
