"""Our sessions on the copy, and the functions that are there while it is masked."""

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import Connection, sql
from psycopg.rows import DictRow
from pydantic import SecretStr

from fairlead.config import MaskingRule
from fairlead.database.connect import connect
from fairlead.database.masking.catalog import settle
from fairlead.database.masking.definitions import definitions
from fairlead.database.masking.expressions import meanings
from fairlead.database.masking.queries import SCHEMA

FUNCTIONS = Path(__file__).with_name("functions.sql")
NAME = "fairlead masking"
LOST = "the server did not answer, or answers no more"


def salts(key: SecretStr, rules: Iterable[MaskingRule]) -> dict[str, str]:
    """For each meaning a key of its own, by the name of its setting. The key itself does not leave
    this process. https://www.rfc-editor.org/rfc/rfc2104"""
    wanted = {meaning for rule in rules for meaning in meanings(rule)}
    secret = key.get_secret_value().encode()
    return {
        f"fairlead.masking_{meaning}": hmac.new(
            secret, meaning.encode(), hashlib.sha256
        ).hexdigest()
        for meaning in sorted(wanted)
    }


@contextmanager
def masking(conninfo: str, settings: dict[str, str]) -> Iterator[Connection[DictRow]]:
    """Every statement for itself; `settings` are handed over as bound parameters. What a crash
    loses of a copy is made again with it."""
    with connect(conninfo, NAME) as connection:
        settle(connection, synchronous_commit="off", jit="off", **settings)
        yield connection


def make_functions(connection: Connection[DictRow]) -> None:
    drop_functions(connection)
    with connection.transaction():
        connection.execute(sql.SQL("create schema {}").format(sql.Identifier(SCHEMA)))
        connection.execute(FUNCTIONS.read_bytes())
        for definition in definitions():
            connection.execute(definition)


def drop_functions(connection: Connection[DictRow]) -> None:
    connection.execute("set client_min_messages = warning")
    connection.execute(sql.SQL("drop schema if exists {} cascade").format(sql.Identifier(SCHEMA)))


def reason(error: psycopg.Error) -> str:
    """Without the message, which quotes values: the kind of error, and what it names."""
    kind = f"{type(error).__name__} ({error.sqlstate})" if error.sqlstate else LOST
    named = error.diag.constraint_name or error.diag.column_name
    return f"{kind}, {named}" if named else kind
