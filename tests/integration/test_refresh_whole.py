"""What must be true of UAT after a whole refresh, and of production meanwhile."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from examples.stand.postgres import Postgres, container_of
from fairlead.model import PhaseName, Refresh, RefreshState, StepOutcome
from tests.bench.refreshed import RULES, Refreshed, is_good, unchanged

SUM = 1_000_000
# Two tables with money that goes from one to the other; what lies in them makes reading last.
ACCOUNTS = f"""
create table account (id int primary key, balance int not null, note text);
create table one.till (id int primary key, balance int not null, note text);
insert into account select n, {SUM} * (n = 1)::int, repeat(md5(n::text), 8)
  from generate_series(1, 4000) n;
insert into one.till select n, 0, repeat(md5(n::text), 8) from generate_series(1, 4000) n;
"""
MOVE = """
update account set balance = balance - 1 where id = 1;
update one.till set balance = balance + 1 where id = 1
"""
MONEY = "select (select sum(balance) from account) + (select sum(balance) from one.till)"
MOVED = "select balance from one.till where id = 1"
SECRETS = """
create table integration (id int primary key, key text unique, signing bytea, settings jsonb);
create table login (id int primary key, password text, session text);
create table session (id int primary key, token text);
insert into integration select n, 'sk_live_planted' || n, convert_to('sk_live_planted', 'UTF8'),
  '{"url": "https://erp.example", "secret": "sk_live_planted"}' from generate_series(1, 3) n;
insert into login select n, 'pbkdf2_sha256$planted$' || n, 'planted' from generate_series(1, 3) n;
insert into session values (1, 'planted');
"""
OF_UAT = '{"url": "https://erp.test", "secret": "sk_test_1"}'
SECRET_RULES = {
    "integration.id": "keep",
    "integration.key": {"hash": "token"},
    "integration.signing": "null",
    "integration.settings": {"sql": f"'{OF_UAT}'::jsonb"},
    "login.id": "keep",
    "login.password": {"constant": "!"},
    "login.session": "null",
    "session.*": "empty",
}


@pytest.fixture
def uat(shared_uat: Refreshed) -> Iterator[Refreshed]:
    """As it was yesterday, and production as it always is."""
    shared_uat.as_yesterday()
    yield shared_uat
    shared_uat.run(
        shared_uat.prod, "drop table if exists account, one.till, integration, login, session"
    )
    shared_uat.configure()


@dataclass
class Writer:
    """Moves money all the time, and waits for no lock of anybody's. `moves` are when it did."""

    url: str
    moves: list[datetime] = field(default_factory=list)
    error: Exception | None = None
    _end: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        try:
            with psycopg.connect(self.url) as connection:
                connection.execute("set lock_timeout = '1ms'; set synchronous_commit = off")
                while not self._end.is_set():
                    connection.execute(MOVE)
                    connection.commit()
                    self.moves.append(datetime.now(UTC))
        except psycopg.Error as error:
            self.error = error

    def stop(self) -> None:
        self._end.set()


@contextmanager
def writing(url: str) -> Iterator[Writer]:
    writer = Writer(url)
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        yield writer
    finally:
        writer.stop()
        thread.join()


def test_uat_is_production_at_one_moment_while_somebody_writes_all_the_time(
    uat: Refreshed,
) -> None:
    uat.run(uat.prod, ACCOUNTS)
    names = ("id", "balance", "note")
    own = {f"{table}.{name}": "keep" for table in ("account", "till") for name in names}
    uat.configure(rules={**RULES, **own}, refresh={"rate_mb": 2})
    with writing(uat.prod) as writer:
        row = uat.refresh()

    is_good(row)
    assert writer.error is None
    (dumped,) = [one for one in uat.phases(row.id) if one.name is PhaseName.DUMP]
    assert dumped.ended_at is not None
    meanwhile = [at for at in writer.moves if dumped.started_at < at < dumped.ended_at]
    assert len(meanwhile) > 50
    assert uat.run(uat.uat, MONEY) == uat.run(uat.prod, MONEY) == [(SUM,)]
    ((moved,),) = uat.run(uat.uat, MOVED)
    assert 0 < moved < len(writer.moves)


def test_keys_of_integrations_and_passwords_are_uat_s_own(
    uat: Refreshed, postgres: Postgres
) -> None:
    uat.run(uat.prod, SECRETS)
    uat.configure(rules={**RULES, **SECRET_RULES})
    row = uat.refresh()

    is_good(row)
    keys = [key for (key,) in uat.run(uat.uat, "select key from integration order by id")]
    assert len(set(keys)) == len(keys) == 3
    others = uat.run(uat.uat, "select distinct signing, settings::text from integration")
    ((settings,),) = uat.run(uat.uat, f"select '{OF_UAT}'::jsonb::text")
    assert others == [(None, settings)]
    assert uat.run(uat.uat, "select distinct password, session from login") == [("!", None)]
    assert uat.run(uat.uat, "select * from session") == []
    assert not in_files(uat, postgres, uat.uat, "planted")
    assert in_files(uat, postgres, uat.prod, "planted")


def in_files(uat: Refreshed, postgres: Postgres, url: str, word: str) -> list[bytes]:
    """Those of the database that have it, in dead rows and statistics too."""
    uat.run(url, "checkpoint")
    ((folder,),) = uat.run(
        url,
        "select current_setting('data_directory') || '/base/' || oid from pg_database "
        "where datname = current_database()",
    )
    engine = uat.bench.engine
    found = container_of(engine, postgres).exec_run(["grep", "-rl", word, folder], user="root")
    assert found.exit_code in (0, 1), found.output
    assert isinstance(found.output, bytes)
    return found.output.split()


def test_a_check_of_the_project_that_fails_leaves_uat_with_yesterday_s_data(
    uat: Refreshed,
) -> None:
    slack = {"channel": "#uat", "token": "env:SLACK_TOKEN", "api": "http://127.0.0.1:1/"}
    told: Any = {
        "environments": {"uat": {"notify": {"slack": slack}}},
        "refresh": {"keep_days": 0},  # what other tests have left
    }
    uat.bench.environ["SLACK_TOKEN"] = "planted-slack-token"
    none = {
        "name": "every customer has a boss",
        "sql": "select id from customer where boss is null",
    }
    uat.configure(checks=[none], **told)
    row = uat.refresh()

    why = "every customer has a boss: 50 rows, and there should be none"
    unchanged(uat, row, RefreshState.FAILED, "the data does not pass once it is migrated", why)
    *_, last = uat.phases(row.id)
    assert (last.name, last.outcome) == (PhaseName.CHECK_DATA, StepOutcome.FAILED)
    assert why in uat.bench.fairlead("refresh", "show", str(row.id)).stdout
    (listed, *_) = uat.bench.fairlead_json("refresh", "history", "uat")
    assert (listed["id"], listed["state"]) == (row.id, "failed")
    assert why in listed["error"]
    (notice,) = notices(uat, row)
    assert "uat: not refreshed from prod, it has the data that it had" in notice["text"]
    assert "During check_data:" in str(notice)
    assert why in str(notice)

    uat.configure(checks=[{**none, "sql": f"{none['sql']} and false"}], **told)
    again = uat.refresh()
    is_good(again)
    assert again.figures["checks"] == 1


def notices(uat: Refreshed, row: Refresh) -> list[dict[str, Any]]:
    found = uat.bench.read(lambda store: store.outbox.of(uat.bench.project, f"refresh {row.id}"))
    return [one.message.body for one in found]
