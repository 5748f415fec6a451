"""The way to the application's database: its URL as libpq takes it, and the SSH tunnel."""

import pytest
from pydantic import SecretStr

from fairlead.database.reach import tunnel_command, url_of
from fairlead.store.database import address


@pytest.mark.parametrize(
    ("given", "taken"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:p@h/d"),
        ("postgres://u:p@h/d", "postgres://u:p@h/d"),
        ("postgis://u:p@h:5433/d?sslmode=require", "postgresql://u:p@h:5433/d?sslmode=require"),
        ("postgresql+psycopg://u:p@h/d", "postgresql://u:p@h/d"),
        ("host=h dbname=d", "host=h dbname=d"),
    ],
)
def test_a_url_that_names_a_driver_is_given_to_libpq_without_it(given: str, taken: str) -> None:
    assert url_of(SecretStr(given)) == taken


@pytest.mark.parametrize(
    ("conninfo", "shown"),
    [
        ("postgresql://u:hunter22@h:5433/d", "h:5433/d"),
        ("postgresql://u:hunter22@h/d", "h:5432/d"),
        ("host=/run/pg port=5433 dbname=d password=hunter22", "/run/pg:5433/d"),
        ("postgresql:///d", "local socket:5432/d"),
        ("hunter22", "(not a PostgreSQL URL)"),
        ("http://u:hunter22@h/d", "(not a PostgreSQL URL)"),
    ],
)
def test_an_address_shows_no_user_and_no_password(conninfo: str, shown: str) -> None:
    assert address(conninfo) == shown


def test_the_tunnel_asks_nothing_and_ends_when_it_cannot_be_had() -> None:
    assert tunnel_command("ssh://deploy@one.example:2222", 40_001, "db.internal", 5433) == [
        "ssh",
        "-N",
        "-o",
        "BatchMode=yes",
        "-o",
        "ExitOnForwardFailure=yes",
        "-o",
        "ConnectTimeout=10",
        "-p",
        "2222",
        "-L",
        "127.0.0.1:40001:db.internal:5433",
        "--",
        "deploy@one.example",
    ]


def test_the_tunnel_takes_the_usual_port_and_no_user_for_an_option() -> None:
    command = tunnel_command("ssh://-oProxyCommand=x@one.example", 40_001, "localhost", 5432)
    assert command[8:10] == ["-p", "22"]
    assert command[-2:] == ["--", "-oProxyCommand=x@one.example"]
