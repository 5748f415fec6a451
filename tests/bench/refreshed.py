"""A project whose uat is refreshed from its prod: two databases of one server, one application."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from examples.stand.postgres import Postgres
from fairlead.model import Phase, Refresh, RefreshState, ReleaseState
from tests.bench.bench import Bench, free_port, merged
from tests.bench.dying import FlowProcess, Gates, flow_process

SHAPE = """
create table customer (id int primary key, name text not null, email text unique,
  boss int references customer);
create table item (id int generated always as identity primary key, customer int references customer
  on delete cascade, note text);
create schema one; create schema two;
create table one.person (id int primary key, mail text);
create table two.person (id int, mail text);
create view buyers as select name from customer;
"""
PRODUCTION = (
    SHAPE
    + """
insert into customer select n, 'Real Name ' || n, 'real' || n || '@real.example', null
  from generate_series(1, {rows}) n;
insert into item (customer, note)
  select n, repeat(md5(n::text), 4) from generate_series(1, {rows}) n;
insert into one.person values (1, 'ann@real.example'); insert into two.person values (2, null);
"""
)
YESTERDAY = SHAPE + "insert into customer values (1, 'yesterday', null, null);"
PRIVATE = ("Real", "real", "ann@")  # what only production's rows have in them
RULES: dict[str, Any] = {
    "customer.id": "keep",
    "customer.name": {"fake": "name"},
    "customer.email": {"hash": "email"},
    "customer.boss": "keep",
    "item.id": "keep",
    "item.customer": "keep",
    "item.note": {"fake": "words"},
    "person.id": "keep",
    "person.mail": {"hash": "email"},
}
# As tests.bench.dying has it for the steps of a release: a gate where a phase's intent or outcome
# is written, and one before the outcome of all of it.
GATES = """
create or replace function gates.wait_phase() returns trigger language plpgsql as $$
begin
  if exists (select from gates.gate g where g.step = new.name and g.moment = tg_op) then
    perform pg_advisory_xact_lock_shared(1);
  end if;
  return new;
end $$;
create or replace function gates.wait_record() returns trigger language plpgsql as $$
begin
  if new.state <> old.state and exists (select from gates.gate where step = 'record') then
    perform pg_advisory_xact_lock_shared(1);
  end if;
  return new;
end $$;
create or replace trigger wait before insert or update on fairlead.refresh_phase
  for each row execute function gates.wait_phase();
create or replace trigger wait before update on fairlead.refresh
  for each row execute function gates.wait_record();
"""


class PhaseGates(Gates):
    """Closed gates on the way of refreshes."""

    def __init__(self, store_url: str) -> None:
        super().__init__(store_url)
        self._connection.execute(GATES)

    def close_at(self, place: str, environment: str = "uat") -> None:
        """`before swap`, `after swap`, or `record`."""
        moment, _, phase = place.rpartition(" ")
        self._connection.execute(
            "insert into gates.gate values (%s, %s, %s)",
            (environment, phase, {"before": "INSERT", "after": "UPDATE", "": ""}[moment]),
        )


@dataclass
class Refreshed:
    """`uat` and `prod` lead to their databases; `name` is what the config calls the first."""

    bench: Bench
    uat: str
    prod: str
    name: str = "uat"

    @property
    def database(self) -> str:
        return str(conninfo_to_dict(self.uat)["dbname"])

    def configure(self, *, rules: Any = None, masking: Any = None, **over: Any) -> None:
        """`over` is of the refresh, or of the whole config where it has `environments` and so on;
        what is under `uat` is of that environment."""
        known = {name: rule for name, rule in (rules or RULES).items() if rule is not None}
        refresh = {"from": "prod", "jobs": 2, **over.pop("refresh", {})}
        usual = {
            "services": {"web": {"secrets": ["APP_KEY", "DATABASE_URL"]}},
            "masking": {"key": "env:MASKING_KEY", "rules": known, **(masking or {})},
            "environments": {
                "dev": None,
                self.name: self.bench.environment(
                    self.bench.port,
                    database={"url": "env:UAT_URL"},
                    backup={"kind": "none"},
                    refresh=refresh,
                    soak=0,
                ),
                "prod": self.bench.environment(
                    free_port(), database={"url": "env:PROD_URL"}, production=True
                ),
            },
        }
        self.bench.configure(**merged(usual, over))

    def release(self, version: str) -> None:
        sha = self.bench.push(version, environment=self.name)
        made = self.bench.release(sha, self.name)
        assert made.state is ReleaseState.SUCCEEDED, made.error

    def mark(self) -> None:
        self.bench.fairlead("refresh", "mark", self.name, "--yes")

    def refresh(self, **given: Any) -> Refresh:
        """In this process; what became of it."""
        request = str(uuid.uuid4())
        asked = {"environment": self.name, "requested_by": "tester", "request_id": request, **given}
        self.bench.flow("refresh", **asked)
        found = self.bench.read(lambda store: store.refreshes.of_request(request))
        assert isinstance(found, Refresh), "it made no refresh"
        return found

    def flow(self) -> Any:
        return flow_process(self.bench, "refresh", environment=self.name)

    def row(self, flow: FlowProcess) -> Refresh:
        found = self.bench.read(lambda store: store.refreshes.of_request(flow.request))
        assert isinstance(found, Refresh), f"it made no refresh:\n{flow.output()}"
        return found

    def get(self, number: int) -> Refresh:
        found = self.bench.read(lambda store: store.refreshes.get(self.bench.project, number))
        assert isinstance(found, Refresh)
        return found

    def phases(self, number: int) -> list[Phase]:
        found: list[Phase] = self.bench.read(lambda store: store.refreshes.phases(number))
        return found

    def run(self, url: str, statement: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(url, autocommit=True) as connection:
            found = connection.execute(statement.encode())
            return found.fetchall() if found.description else []

    def names(self, url: str | None = None) -> set[str]:
        """What the customers are called."""
        return {row[0] for row in self.run(url or self.uat, "select name from customer")}

    def has_yesterday(self) -> bool:
        return self.names() == {"yesterday"}

    def as_yesterday(self) -> None:
        """Again, whatever a refresh has brought."""
        self.run(self.uat, "truncate customer, item; insert into customer values (1, 'yesterday')")

    def databases(self) -> list[str]:
        """Those beside uat's, without its name."""
        beside = make_conninfo(self.uat, dbname="postgres")
        rows = self.run(beside, "select datname from pg_database order by 1")
        mine = self.database
        return [row[0].removeprefix(mine) for row in rows if row[0].startswith(f"{mine}_")]


@contextmanager
def refreshed(
    bench: Bench,
    postgres: Postgres,
    rows: int = 500,
    name: str = "uat",
    target: Postgres | None = None,
) -> Iterator[Refreshed]:
    """With v1 released to uat, which is marked, and which the config calls `name`. Its database is
    on the server `target` where that is given."""
    part = uuid.uuid4().hex[:8]
    with (
        _database(postgres, f"prod_{part}", PRODUCTION.format(rows=rows)) as prod,
        _database(target or postgres, f"uat_{part}", YESTERDAY) as uat,
    ):
        bench.environ |= {"UAT_URL": _url(uat), "PROD_URL": _url(prod), "MASKING_KEY": "k" * 32}
        made = Refreshed(bench, uat, prod, name)
        made.configure()
        made.release("v1")
        made.mark()
        yield made


def is_good(row: Refresh) -> None:
    assert row.state is RefreshState.REFRESHED, row.error


def whole(uat: Refreshed, url: str) -> str:
    """All that people may read there."""
    tables = ("customer", "item", "one.person", "two.person", "buyers")
    return str([uat.run(url, f"select * from {table}") for table in tables])


def unchanged(uat: Refreshed, row: Refresh, state: RefreshState, *why: str) -> None:
    """UAT has yesterday's data, and nothing is left of it."""
    assert row.state is state, row.error
    assert row.error is not None
    for words in why:
        assert words in row.error
    assert uat.has_yesterday()
    assert uat.databases() == []
    assert not list((uat.bench.folder / "home" / "refresh").rglob("dump"))


def _url(conninfo: str) -> str:
    fields = conninfo_to_dict(conninfo)
    who = f"{fields['user']}:{quote(str(fields['password']), safe='')}"
    return f"postgresql://{who}@{fields['host']}:{fields['port']}/{fields['dbname']}"


@contextmanager
def _database(postgres: Postgres, name: str, content: str) -> Iterator[str]:
    """Taken away afterwards, with all that was made beside it."""
    conninfo = make_conninfo(postgres.url(), dbname=name)
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
    try:
        with psycopg.connect(conninfo, autocommit=True) as there:
            there.execute(content.encode())
        yield conninfo
    finally:
        with psycopg.connect(postgres.url(), autocommit=True) as connection:
            for (made,) in connection.execute(
                "select datname from pg_database where starts_with(datname, %s)", (name,)
            ).fetchall():
                connection.execute(
                    sql.SQL("drop database {} with (force)").format(sql.Identifier(made))
                )
