"""Tenants in several states before a release with every kind of migration."""

from pathlib import Path

import psycopg
from psycopg import sql

from tests.bench.many import Many, copy_database, make_origin, make_tenants, project

APPS = {"EXTRA_APPS": "matrix pressed"}
BEFORE = {
    "shop": ["0001"],
    "matrix": ["0001"],
    "pressed": ["0001_initial", "0002"],
}
# One name that no identifier may have unquoted, and one that a migration's SQL mentions.
TENANTS = ("alpha", "beta", "de-lta", "gamma", "longest_named")
WITHOUT_PRESSED = ("alpha", "beta")
EMPTY = ("new_one", "new_two")
ROWS = """
insert into matrix_author (name, email) values ('Ann', 'ann@example.com'), ('Bo', 'bo@example.com');
insert into matrix_tag (word) values ('red'), ('blue');
insert into matrix_book (title, price, isbn, old, author_id)
  select 'Book ' || n, nullif(n, 2), 'isbn ' || n, 'x', 1 + n % 2 from generate_series(1, %s) n;
insert into shop_product (name, price, note) values ('Rope', 12.50, '');
"""
UNPRESSED = "drop table pressed_iron; delete from django_migrations where app = 'pressed'"


def make_base(server: str, name: str, python: Path, folder: Path) -> str:
    """The URL of the database `name`, to be copied: six tenants in two states, and two that have
    nothing but their schema."""
    url = copy_database(server, "template1", name)
    many = Many(python, project(folder, BEFORE), url, {**APPS, "EDITORS": "1"})
    make_origin(many)
    make_tenants(url, TENANTS)
    with psycopg.connect(url) as connection:
        for at, tenant in enumerate(TENANTS):
            _fill(connection, tenant, at + 2)
        for tenant in EMPTY:
            connection.execute(sql.SQL("create schema {}").format(sql.Identifier(tenant)))
            connection.execute(
                "insert into public.customers_customer (schema_name, name) values (%s, '')",
                [tenant],
            )
    return url


def _fill(connection: psycopg.Connection, tenant: str, books: int) -> None:
    path = sql.SQL("set search_path = {}, public").format(sql.Identifier(tenant))
    connection.execute(path)
    for statement in filter(str.strip, ROWS.split(";")):
        with psycopg.ClientCursor(connection) as cursor:
            cursor.execute(statement.replace("%s", str(books)).encode())
    if tenant in WITHOUT_PRESSED:
        connection.execute(UNPRESSED)
