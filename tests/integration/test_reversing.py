"""The database of tenants is brought back to exactly the migrations that it had."""

import json
import uuid
from pathlib import Path

import psycopg
import pytest

from examples.stand.postgres import Postgres
from tests.bench.many import (
    Ended,
    Many,
    copy_database,
    interpreter,
    make_origin,
    make_tenants,
    pg_dump,
    project,
)

TENANTS = ["a", "b", "de-lta"]
UNDONE = ["shop.0005_labels", "shop.0004_index", "shop.0003_review", "shop.0002_stock"]
IRREVERSIBLE = """
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("shop", "0005_labels")]
    operations = [migrations.RunSQL("update shop_product set note = ''")]
"""
PROTECTED = """
create function protect() returns event_trigger language plpgsql as $$
begin
  if exists (select from pg_event_trigger_dropped_objects()
             where object_type = 'table' and schema_name = 'a') then
    raise 'a.shop_review is protected';
  end if;
end $$;
create event trigger protected on sql_drop execute function protect();
"""


@pytest.fixture(params=["5.2"])
def made(request: pytest.FixtureRequest, postgres: Postgres, tmp_path: Path) -> Many:
    """Four tenants with the first migration only, and a release with all of them."""
    python = interpreter(request.param)
    name = f"reversing_{uuid.uuid4().hex[:8]}"
    url = copy_database(postgres.url(), "template1", name)
    make_origin(Many(python, project(tmp_path / "before", {"shop": ["0001"]}), url))
    make_tenants(url, TENANTS)
    return Many(python, project(tmp_path / "after", {}), url)


def state(many: Many) -> tuple[list[str], dict[str, list[str]]]:
    """The whole schema, and what is applied in each."""
    lines = pg_dump(many.url, "--schema-only", "--no-owner").splitlines()
    with psycopg.connect(many.url) as connection:
        rows = {
            schema: [
                name
                for (name,) in connection.execute(
                    f'select app || name from "{schema}".django_migrations order by 1'.encode()
                )
            ]
            for schema in ("public", "origin", *TENANTS)
        }
    return [line for line in lines if not line.startswith("\\")], rows


def remembered(many: Many) -> Path:
    run = many.ours("remember")
    assert run.code == 0, run.output
    path = many.folder / "before.json"
    path.write_text(json.dumps(run.of("applied")))
    return path


def reverse(many: Many, path: Path) -> Ended:
    return many.ours("reverse", path=str(path), lock_timeout=0.3, attempts=20)


@pytest.mark.parametrize("made", ["4.2", "5.2", "newest"], indirect=True)
def test_every_schema_is_as_before_and_a_second_run_has_nothing_to_do(made: Many) -> None:
    before, path = state(made), remembered(made)
    assert made.ours().code == 0
    assert state(made) != before
    run = reverse(made, path)
    assert run.code == 0, run.output
    assert state(made) == before
    assert sorted(run.tenants("done")) == sorted(["origin", *TENANTS])
    assert [one["migration"] for one in run.of("unapplying")] == UNDONE * 5  # the shared schema too
    again = reverse(made, path)
    assert (again.code, again.of("unapplying")) == (0, [])
    assert made.ours().code == 0


def test_tenants_of_several_states_come_back_each_to_its_own(made: Many) -> None:
    made.manage("migrate_schemas", "--schema=b", "shop", "0003", "-v0")
    before, path = state(made), remembered(made)
    assert len(before[1]["b"]) == len(before[1]["a"]) + 2
    assert made.ours().code == 0
    assert reverse(made, path).code == 0
    assert state(made) == before


def test_what_cannot_be_reversed_is_told_before_anything_is_touched(made: Many) -> None:
    migration = made.folder / "shop" / "migrations" / "0006_forget.py"
    migration.write_text(IRREVERSIBLE)
    path = remembered(made)
    assert made.ours().code == 0
    after = state(made)
    run = reverse(made, path)
    assert (run.code, state(made)) == (3, after)
    (told,) = run.of("stuck")
    assert told["reasons"] == ["shop.0006_forget: Raw SQL operation"]


def test_a_migration_that_the_release_does_not_know_is_told(made: Many) -> None:
    path = remembered(made)
    assert made.ours().code == 0
    with psycopg.connect(made.url) as connection:
        connection.execute(
            "insert into a.django_migrations (app, name, applied) values ('shop', '0009', now())"
        )
    run = reverse(made, path)
    assert run.code == 3
    assert run.of("stuck")[0]["reasons"] == [
        "shop.0009 is applied, and the release does not know it"
    ]


def test_a_tenant_that_fails_is_named_the_others_come_back_and_the_rest_is_done_later(
    made: Many,
) -> None:
    before, path = state(made), remembered(made)
    assert made.ours().code == 0
    with psycopg.connect(made.url) as connection:
        connection.execute(PROTECTED)
    run = reverse(made, path)
    assert run.code == 1
    (end,) = run.of("ended")
    assert list(end["failed"]) == ["a"]
    assert "a.shop_review is protected" in end["failed"]["a"]
    assert state(made)[1]["b"] == before[1]["b"]
    with psycopg.connect(made.url) as connection:
        connection.execute("drop event trigger protected; drop function protect")
    assert reverse(made, path).code == 0
    assert state(made) == before


def test_locks_that_others_hold_are_waited_for_in_many_attempts(made: Many) -> None:
    before, path = state(made), remembered(made)
    assert made.ours().code == 0
    running = made.start("reverse", path=str(path), lock_timeout=0.1, attempts=50)
    output = ""
    with psycopg.connect(made.url) as connection:
        connection.execute("lock table b.shop_product in share mode")
        assert running.stdout
        while '"tenant": "b", "state": "retried"' not in output:
            output += running.stdout.readline()
    output += running.communicate(timeout=60)[0]
    assert running.returncode == 0, output
    assert state(made) == before
