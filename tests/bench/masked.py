"""A copy of a production database, to be masked: what it holds, and what is in its files."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row
from pydantic import SecretStr

from fairlead.config import Masking
from fairlead.database.masking.catalog import Catalog, read_catalog, settle
from fairlead.database.masking.complete import complete
from fairlead.database.masking.mask import Masked, mask
from fairlead.database.masking.prove import Proof, prove

KEY = SecretStr("a key of the tests, 32 characters")


def rules(given: Mapping[str, Any], parallel: int = 2) -> Masking:
    return Masking.model_validate(
        {"key": "env:MASKING_KEY", "parallel": parallel, "rules": dict(given)}
    )


@dataclass
class Copy:
    """A database with something in it."""

    url: str

    def run(self, statement: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            found = connection.execute(statement.encode(), values or None)
            return found.fetchall() if found.description else []

    def column(self, statement: str) -> list[Any]:
        return [row[0] for row in self.run(statement)]

    def catalog(self) -> Catalog:
        with self.reading() as connection:
            return read_catalog(connection)

    @contextmanager
    def reading(self) -> Iterator[psycopg.Connection[dict[str, Any]]]:
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as connection:
            settle(connection, default_transaction_read_only="on")
            yield connection

    def complete(self, given: Mapping[str, Any]) -> None:
        with self.reading() as connection:
            complete(connection, read_catalog(connection), rules(given).rules)

    def mask(self, given: Mapping[str, Any], key: SecretStr = KEY) -> Masked:
        return mask(self.url, rules(given), key)

    def file_of(self, table: str) -> bytes:
        """All that its file holds on the disk, what is dead there among it."""
        self.run("checkpoint")
        ((folder, path),) = self.run(
            "select current_setting('data_directory'), pg_relation_filepath(%s::regclass)", (table,)
        )
        return Path(str(folder), str(path)).read_bytes()

    def functions(self) -> list[Any]:
        return self.column("select nspname from pg_namespace where nspname ~ '^fairlead'")


@contextmanager
def copy_on(server: str, content: str = "", template: str = "template1") -> Iterator[Copy]:
    """A database of its own on the server; taken away afterwards."""
    name = f"masked_{uuid.uuid4().hex[:8]}"
    fields: dict[str, Any] = {**conninfo_to_dict(server), "dbname": name}
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("create database {} template {}").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )
        try:
            copy = Copy(make_conninfo(**fields))
            if content:
                copy.run(content)
            yield copy
        finally:
            connection.execute(
                sql.SQL("drop database {} with (force)").format(sql.Identifier(name))
            )


def proof(source: Copy, copy: Copy, given: Mapping[str, Any]) -> Proof:
    with source.reading() as there, copy.reading() as here:
        return prove(there, here, rules(given).rules)
