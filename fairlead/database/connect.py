"""Our own connections to the application's databases."""

from typing import Any

import psycopg
from psycopg import Connection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format
from psycopg.rows import DictRow, dict_row

PATIENCE = 10  # seconds
TEXTS: tuple[str | int, ...] = ("text", "varchar", "bpchar", "name", '"char"', 0)  # 0 is any other


def connect(conninfo: str, name: str) -> Connection[DictRow]:
    """Every statement for itself; `name` is what the server calls it. Raises psycopg.Error.

    A database with the encoding SQL_ASCII may hold anything, and psycopg gives its texts as bytes
    (https://www.psycopg.org/psycopg3/docs/basic/adapt.html#strings-adaptation). Here they are UTF-8
    with what is none as \\xff.
    """
    made: Connection[DictRow] = psycopg.connect(
        conninfo,
        application_name=name,
        connect_timeout=PATIENCE,
        autocommit=True,
        row_factory=dict_row,
    )
    if made.info.encoding == "ascii":
        for kind in TEXTS:
            made.adapters.register_loader(kind, _Text)
            made.adapters.register_loader(kind, _BinaryText)
    return made


class _Text(Loader):
    def load(self, data: Buffer) -> Any:
        return bytes(data).decode("utf-8", "backslashreplace")


class _BinaryText(_Text):
    format = Format.BINARY
