"""Stores of one test each, cloned from a database that has the store's schema."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import sql

from examples.stand.postgres import Postgres
from examples.stand.state import machine_lock

TEMPLATE = "store_template"


@contextmanager
def own_store(postgres: Postgres, template: str) -> Iterator[str]:
    """Its URL. `template` is that of TEMPLATE."""
    name = f"store_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        with machine_lock(f"{postgres.name}-template"):
            connection.execute(
                sql.SQL("create database {} template {} owner store").format(
                    sql.Identifier(name), sql.Identifier(TEMPLATE)
                )
            )
        yield f"{template.rpartition('/')[0]}/{name}"
        connection.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(name)))
