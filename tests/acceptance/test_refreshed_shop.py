"""The shop on a night's data: its own pages in a browser, on rows of production that are masked."""

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from playwright.sync_api import expect
from psycopg import sql

from examples.stand.postgres import Postgres
from fairlead.model import PhaseName, Refresh, RefreshState
from tests.bench.browser import Browser
from tests.bench.many import pg_dump
from tests.bench.shop import DOMAIN, Shop

pytestmark = pytest.mark.xdist_group("shop")  # built once, not by each worker

TONIGHT = """
update tenants_domain set domain = replace(domain, '.dev.', '.www.');
update acme.catalog_product set name = 'Veal of tonight' where name = 'Brisket';
update acme.catalog_customer set name = 'Real Person', email = 'real@real.example';
insert into auth_user (password, is_superuser, username, first_name, last_name, email, is_staff,
  is_active, date_joined) values ('pbkdf2_sha256$real', true, 'real', 'Real', 'Person',
  'real@real.example', true, true, now());
"""


@pytest.fixture
def nightly(shop: Shop, postgres: Postgres) -> Iterator[Shop]:
    """Its dev is refreshed from a production that has all that dev has, and tonight's rows."""
    shop.release(shop.sha("v1"))
    name = f"prod_{shop.project}"
    url = f"{shop.environ['SHOP_DEV_DIRECT_URL'].rpartition('/')[0]}/{name}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        made = sql.SQL("create database {} owner {}").format(
            sql.Identifier(name), sql.Identifier(shop.project)
        )
        connection.execute(made)
        try:
            fill(url, shop.environ["SHOP_DEV_DIRECT_URL"])
            shop.environ |= {"PROD_URL": url, "SHOP_MASKING_KEY": "k" * 32}
            configure(shop)
            shop.fairlead("refresh", "mark", "dev", "--yes")
            yield shop
        finally:
            connection.execute(
                sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
            )
            drop_beside(connection, shop.project)


def fill(url: str, like: str) -> None:
    lines = pg_dump(like, "--inserts", "--no-owner").splitlines()
    script = "\n".join(line for line in lines if not line.startswith("\\"))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(script.encode())
        connection.execute("set search_path to public")
        connection.execute(TONIGHT.encode())


def drop_beside(connection: psycopg.Connection[Any], project: str) -> None:
    rows = connection.execute(
        "select datname from pg_database where starts_with(datname, %s)", (f"{project}_",)
    ).fetchall()
    for (name,) in rows:
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))


def configure(shop: Shop, **rules: Any) -> None:
    """The masking of the shop's own config, with the domains of dev in the place of uat's."""
    domain = {"sql": f"replace(domain, '.www.shop.localhost', '.{DOMAIN}')"}
    usual = {"hosts": ["unix:///var/run/docker.sock"], "domain": "prod.shop.localhost"}
    shop.configure(
        masking={"rules": {"tenants_domain.domain": domain, **rules}},
        environments={
            "dev": {"refresh": {"from": "prod"}, "backup": {"kind": "none"}},
            "prod": {
                **usual,
                "database": {"url": "env:PROD_URL"},
                "secrets": {"SECRET_KEY": "env:SHOP_DEV_SECRET_KEY"},
            },
        },
    )


def refreshed(shop: Shop) -> Refresh:
    shop.flow("refresh", environment="dev", requested_by="tester")
    found = shop.read(lambda store: store.refreshes.history(shop.project, "dev", 1)[0])
    assert isinstance(found, Refresh)
    return found


def rows(shop: Shop, statement: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(shop.environ["SHOP_DEV_DIRECT_URL"]) as connection:
        return connection.execute(statement.encode()).fetchall()


def test_pages_of_the_shop_show_production_s_products_and_nobody_s_customers(
    nightly: Shop, desk: Browser
) -> None:
    shop = nightly
    row = refreshed(shop)

    assert row.state is RefreshState.REFRESHED, row.error
    assert row.figures["tenants"] == 2
    people = rows(shop, "select name, email from acme.catalog_customer")
    assert "Real" not in str(people)
    assert len({mail for _, mail in people}) == 1  # equal stays equal
    assert str(people[0][1]).endswith("@example.invalid")
    assert rows(shop, "select password, username <> 'real' from public.auth_user") == [("!", True)]
    desk.page.goto(f"http://acme.{DOMAIN}:{shop.port}/")
    expect(desk.page.locator("#tenant")).to_have_text("acme")
    expect(desk.page.locator("#products")).to_contain_text("Veal of tonight")
    expect(desk.page.locator("#problem")).to_be_hidden()
    desk.shoot("14-refreshed-shop")


def test_what_the_shop_is_not_well_with_is_put_back(nightly: Shop) -> None:
    """A column that somebody has renamed by hand in production, which no migration knows."""
    shop = nightly
    with psycopg.connect(shop.environ["PROD_URL"], autocommit=True) as connection:
        for tenant in ("acme", "globex"):
            table = sql.Identifier(tenant, "catalog_product")
            rename = sql.SQL("alter table {} rename column stock to in_stock").format(table)
            connection.execute(rename)
    configure(shop, **{"catalog_product.in_stock": "keep"})
    row = refreshed(shop)

    assert row.state is RefreshState.FAILED, row.error
    assert row.error is not None
    assert "/api/products answered 500, not 200" in row.error
    phases = shop.read(lambda store: store.refreshes.phases(row.id))
    assert phases[-1].name is PhaseName.PUT_BACK
    assert phases[-1].detail == f"{row.database} has the old data again"
    assert "Brisket" in shop.get("/api/products").text
    with psycopg.connect(shop.environ["PROD_URL"]) as connection:
        left = connection.execute(
            "select datname from pg_database where starts_with(datname, %s)", (f"{row.database}_",)
        ).fetchall()
    assert left == []
