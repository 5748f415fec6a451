"""A database that knows no encoding (SQL_ASCII) is read as texts, whatever its bytes are."""

import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from pydantic import SecretStr

from fairlead.config import Database
from fairlead.database.connect import connect
from fairlead.database.reach import check_database
from tests.bench.masked import Copy

MAKE = "create database {} encoding 'SQL_ASCII' lc_collate 'C' lc_ctype 'C' template template0"
ASK = """
select name, name::varchar(9) as short, name::char(5) as long, array[name] as listed,
  current_database() as database, to_jsonb('Zoë'::text) as known
from person order by length(name), name
"""


@pytest.fixture
def encodes_nothing(newest: str) -> Iterator[str]:
    name = f"ascii_{uuid.uuid4().hex[:8]}"
    fields: dict[str, Any] = {**conninfo_to_dict(newest), "dbname": name}
    with psycopg.connect(newest, autocommit=True) as connection:
        connection.execute(sql.SQL(MAKE).format(sql.Identifier(name)))
        yield make_conninfo(**fields)
        connection.execute(sql.SQL("drop database {}").format(sql.Identifier(name)))


def test_check_says_what_it_found_there(encodes_nothing: str) -> None:
    found = check_database("dev", Database(url="env:URL"), SecretStr(encodes_nothing))
    name = conninfo_to_dict(encodes_nothing)["dbname"]
    assert found.startswith("PostgreSQL 18.")
    assert found.endswith(f", database {name}")


@pytest.mark.parametrize("binary", [False, True])
def test_texts_are_utf_8_and_what_is_none_is_shown(encodes_nothing: str, binary: bool) -> None:
    with connect(encodes_nothing, "test") as connection:
        connection.execute(b"create table person (name text)")
        connection.execute(b"insert into person values ('Zo\xeb'), (%s)", ["Zoë"])
        rows = connection.execute(ASK.encode(), binary=binary).fetchall()
    name = conninfo_to_dict(encodes_nothing)["dbname"]
    same = {"database": name, "known": "Zoë"}
    assert rows == [
        {"name": "Zo\\xeb", "short": "Zo\\xeb", "long": "Zo\\xeb  ", "listed": ["Zo\\xeb"], **same},
        {"name": "Zoë", "short": "Zoë", "long": "Zoë ", "listed": ["Zoë"], **same},
    ]


def test_its_rows_can_be_masked(encodes_nothing: str) -> None:
    copy = Copy(encodes_nothing)
    copy.run("create table person (id int primary key, name text, mail text, city text)")
    copy.run("insert into person values (1, 'Zoë', 'zoe@real.example', 'Köln')")
    done = copy.mask(
        {
            "person.id": "keep",
            "person.name": {"fake": "name"},
            "person.mail": {"hash": "email"},
            "person.city": "shuffle",
        }
    )
    assert done.columns == 3
    ((name, mail),) = copy.run("select name, mail from person")
    assert b"Zo" not in name
    assert b"real" not in mail
