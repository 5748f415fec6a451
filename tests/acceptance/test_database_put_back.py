"""A release that fails after it has migrated has the database put back, where that is said."""

import re
from contextlib import AbstractContextManager
from typing import Any

import psycopg
import pytest

from examples.stand.postgres import Postgres
from fairlead.model import BackupState, Release, ReleaseState, Step, StepName, StepOutcome
from tests.bench.dying import FlowProcess, flow_process, gates, settled, until
from tests.bench.many import pg_dump
from tests.bench.shop import Shop

pytestmark = pytest.mark.xdist_group("shop")  # built once, not by each worker

UNTRUE = {"sql": "select count(*) > 100 from catalog_product", "expect": True, "each_tenant": True}
NEVER = [{"path": "/version.json", "body": "what nobody answers"}]
REVERSED = (
    "the database has the migrations of before: tenants.0003_tenant_contact_email, "
    "catalog.0005_supplier, catalog.0004_product_sku reversed"
)


def goes_back(shop: Shop, way: str, **over: Any) -> None:
    """The environment as it is with this policy."""
    here = {"on_failure": way, "backup": {"place": str(shop.folder / "backups")}}
    shop.configure(environments={"dev": here}, **over)


def database(shop: Shop) -> str:
    return shop.environ["SHOP_DEV_DIRECT_URL"]


def schema(shop: Shop) -> list[str]:
    """The whole schema and the applied migrations."""
    lines = pg_dump(database(shop), "--schema-only", "--no-owner").splitlines()
    with psycopg.connect(database(shop)) as connection:
        for name in ("public", "acme", "globex"):
            rows = connection.execute(
                f"select app, name from {name}.django_migrations order by 1, 2".encode()
            ).fetchall()
            lines += [f"{name} has {app}.{migration}" for app, migration in rows]
    # Debian's 15.20 writes a number into each column's options, which grows with all that is done.
    own = [re.sub(r"pg_attver=\d+", "", line) for line in lines]
    return [line for line in own if not line.startswith("\\")]


def may_make_databases(shop: Shop, postgres: Postgres, may: bool = True) -> None:
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        what = "createdb" if may else "nocreatedb"
        connection.execute(f"alter role {shop.project} {what}".encode())


def releasing(shop: Shop, version: str) -> AbstractContextManager[FlowProcess]:
    return flow_process(shop, "release", environment="dev", sha=shop.sha(version))


def step(shop: Shop, release: Release, name: StepName) -> Step | None:
    return next((one for one in shop.steps(release.id) if one.name is name), None)


def put_back(shop: Shop, release: Release) -> Step:
    found = step(shop, release, StepName.ROLL_BACK_DATABASE)
    assert found, [one.name for one in shop.steps(release.id)]
    return found


def test_migrations_are_reversed_once_the_old_containers_serve_again(running_shop: Shop) -> None:
    shop = running_shop
    before = schema(shop)
    goes_back(shop, "reverse", smoke=NEVER)
    failed = shop.release(shop.sha("v2"))
    assert failed.state is ReleaseState.ROLLED_BACK
    assert shop.serves() == "v1"
    assert schema(shop) == before
    names = [one.name for one in shop.steps(failed.id)]
    assert names[-2:] == [StepName.ROLL_BACK, StepName.ROLL_BACK_DATABASE]
    assert (put_back(shop, failed).outcome, put_back(shop, failed).detail) == (
        StepOutcome.SUCCEEDED,
        REVERSED,
    )
    said = shop.fairlead("show", str(failed.id)).stdout
    assert REVERSED in " ".join(said.split())


def test_a_migration_that_fails_in_one_tenant_is_reversed_in_the_others(running_shop: Shop) -> None:
    shop = running_shop
    goes_back(shop, "reverse")
    before = schema(shop)
    failed = shop.release(shop.sha("v4"))
    assert failed.state is ReleaseState.FAILED
    assert schema(shop) == before
    assert "1 tenant could not be migrated" in (failed.error or "")
    assert "catalog.0006_customer_email_once, " in put_back(shop, failed).detail


def test_what_a_killed_release_has_migrated_is_reversed_by_settling(running_shop: Shop) -> None:
    shop = running_shop
    goes_back(shop, "reverse", lease_ttl=6)
    before = schema(shop)
    with gates(shop) as closed, releasing(shop, "v2") as flow:
        closed.after(StepName.CHECK_DATA)
        until(closed.waiting, "it was migrated")
        flow.kill()
        closed.drop_waiting()
        closed.forget()
        dead = flow.release()
        assert schema(shop) != before
        assert settled(shop, wait=60) == (
            f"Release {dead.id} ({dead.sha[:7]}): The process that made it died during check_data; "
            f"no container was changed. T{REVERSED[1:]}."
        )
    assert schema(shop) == before


def test_the_backup_is_restored_where_nobody_has_written_since(
    running_shop: Shop, postgres: Postgres
) -> None:
    shop = running_shop
    may_make_databases(shop, postgres)
    before = schema(shop)
    goes_back(shop, "restore", checks=[UNTRUE])
    failed = shop.release(shop.sha("v2"))
    assert failed.state is ReleaseState.FAILED
    backup = shop.read(lambda store: store.backups.of_release(failed.id))
    assert backup.state is BackupState.PROVEN
    detail = put_back(shop, failed).detail
    assert detail.startswith(f"backup {backup.id} is restored; the database it had is kept as ")
    assert schema(shop) == before
    assert shop.serves() == "v1"
    assert shop.get("/api/products").status_code == 200


def test_without_the_right_to_make_a_database_nothing_is_begun(
    running_shop: Shop, postgres: Postgres
) -> None:
    shop = running_shop
    may_make_databases(shop, postgres, may=False)
    goes_back(shop, "restore")
    refused = shop.release(shop.sha("v2"))
    assert refused.state is ReleaseState.REFUSED
    assert refused.error == (
        f"The database of dev cannot be saved: what fails is to be restored into a new database, "
        f"and {shop.project} may make none.\nOn the server: ALTER ROLE {shop.project} CREATEDB; "
        'or on_failure = "code" for environments.dev'
    )
    said = shop.fairlead("check", "dev", code=None)
    assert f"{shop.project} may make none" in said.stdout + said.stderr


def test_nothing_is_restored_over_what_somebody_has_written(
    running_shop: Shop, postgres: Postgres
) -> None:
    shop = running_shop
    may_make_databases(shop, postgres)
    before = schema(shop)
    goes_back(shop, "restore", checks=[UNTRUE])
    with gates(shop) as closed, releasing(shop, "v2") as flow:
        closed.after(StepName.BACKUP_DATABASE)
        until(closed.waiting, "it is saved")
        with psycopg.connect(database(shop)) as connection:
            connection.execute("update acme.catalog_product set name = name || '!'")
        closed.open()
        flow.ended()
        failed = flow.release()
    backup = shop.read(lambda store: store.backups.of_release(failed.id))
    found = put_back(shop, failed)
    assert (found.outcome, found.detail) == (
        StepOutcome.SKIPPED,
        f"backup {backup.id} was not restored: what was written since would be lost: rows of "
        f"catalog_product 3. If that is meant: fairlead restore dev {backup.id}",
    )
    assert schema(shop) != before
    done = shop.fairlead("restore", "dev", str(backup.id), "--yes")
    assert "which is kept: rows of catalog_product 3" in done.stdout
    assert schema(shop) == before


def test_once_the_new_version_has_served_only_somebody_who_insists_restores(
    running_shop: Shop, postgres: Postgres
) -> None:
    shop = running_shop
    may_make_databases(shop, postgres)
    before = schema(shop)
    goes_back(shop, "restore", smoke=NEVER)
    failed = shop.release(shop.sha("v2"))
    backup = shop.read(lambda store: store.backups.of_release(failed.id))
    assert put_back(shop, failed).detail == (
        f"backup {backup.id} was not restored: the new version has served requests. If that is "
        f"meant: fairlead restore dev {backup.id} --force"
    )
    refused = shop.fairlead("restore", "dev", str(backup.id), "--yes", code=3)
    assert f"{shop.sha('v2')[:7]}, which is newer, has served requests. Restored," in refused.stderr
    assert "If that is meant: --force" in refused.stderr
    done = shop.fairlead("restore", "dev", str(backup.id), "--yes", "--force")
    assert f"release {failed.id} ({failed.sha[:7]}) has served requests since" in done.stdout
    assert schema(shop) == before
    assert shop.serves() == "v1"
