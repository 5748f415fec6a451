"""What `fairlead metrics` counts in a real PostgreSQL, and how it tells it."""

import json
import os
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from click.testing import CliRunner
from prometheus_client.parser import text_string_to_metric_families

from fairlead.cli import fairlead
from fairlead.commits import note_commits
from fairlead.config import load
from fairlead.model import Image, Metrics, Spread
from fairlead.project import Project
from fairlead.secrets import Secrets
from fairlead.store import Store, open_store
from tests.bench.bench import sha_of
from tests.contract.fake_github import REPOSITORY, TOKEN, running_github

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = 3600.0
ENVIRONMENT = {"hosts": ["unix:///var/run/docker.sock"], "domain": "shop.localhost"}
CONFIG = {
    "project": "shop",
    "registry": {"host": "registry.example"},
    "services": {"web": {"image": "shop/web", "port": 8000}},
    "environments": {"dev": ENVIRONMENT, "prod": ENVIRONMENT},
}


def ago(hours: float) -> datetime:
    return NOW - timedelta(hours=hours)


@dataclass(frozen=True)
class Past:
    """Writes a history, with times of its own."""

    store: Store

    def release(
        self,
        state: str,
        *,
        ended: float,
        version: str = "v1",
        environment: str = "dev",
        kind: str = "release",
        replaces: int | None = None,
    ) -> int:
        """One that took half an hour and ended so many hours ago."""
        values = {
            "environment": environment,
            "sha": sha_of(version),
            "kind": kind,
            "state": state,
            "started": ago(ended + 0.5),
            "ended": ago(ended),
            "replaces": replaces,
            "error": None if state in ("succeeded", "unchanged") else "why",
        }
        return int(self.row(RELEASE, values)["id"])

    def step(
        self, release: int, name: str, *, began: float, ended: float, detail: str = "", **given: str
    ) -> None:
        outcome = given.get("outcome", "succeeded")
        values = {"release": release, "name": name, "detail": detail, "outcome": outcome}
        self.row(STEP, {**values, "started": ago(began), "ended": ago(ended)})

    def row(self, statement: str, values: dict[str, Any]) -> dict[str, Any]:
        with self.store.database.transaction() as connection:
            row = connection.execute(statement.encode(), values).fetchone()
        assert row is not None
        return row

    def of(self, environment: str = "dev", days: int = 30) -> Metrics:
        return self.store.counts.of_environments("shop", days)[environment]


RELEASE = """
insert into release (project, environment, sha, kind, state, requested_by, requested_via, replaces,
  fencing, config, config_digest, started_at, ended_at, error)
values ('shop', %(environment)s, %(sha)s, %(kind)s, %(state)s, 'alice', 'pytest', %(replaces)s, 1,
  '{}', '', %(started)s, %(ended)s, %(error)s) returning id
"""
STEP = """
insert into step (release, name, attempt, started_at, ended_at, outcome, detail)
values (%(release)s, %(name)s, 1, %(started)s, %(ended)s, %(outcome)s, %(detail)s) returning release
"""


@pytest.fixture
def past(store_url: str) -> Iterator[Past]:
    with open_store({"FAIRLEAD_STORE_URL": store_url}) as opened:
        yield Past(opened)


def once(hours: float) -> Spread:
    return Spread(1, hours * HOUR, hours * HOUR, hours * HOUR)


def test_only_what_came_to_serve_or_was_put_back_is_a_change(past: Past) -> None:
    for state in ("succeeded", "rolled_back", "rollback_failed", "failed", "refused", "unchanged"):
        past.release(state, ended=5)
    past.release("succeeded", ended=4, kind="rollback")
    past.release("succeeded", ended=3, environment="prod")
    found = past.of()
    assert (found.changes, found.failed, found.failure_ratio) == (3, 2, 2 / 3)
    assert found.a_day == 0.1
    assert past.of("prod").changes == 1


def test_a_change_is_of_the_days_in_which_it_ended(past: Past) -> None:
    past.release("succeeded", ended=30)
    past.release("succeeded", ended=20)
    assert (past.of(days=2).changes, past.of(days=1).changes) == (2, 1)
    assert past.of(days=1).last_at == ago(20)


def test_a_lead_time_begins_with_the_commit_else_the_image_else_the_first_wish(past: Past) -> None:
    by_commit = past.release("succeeded", ended=10, version="v1")
    by_image = past.release("succeeded", ended=10, version="v2")
    past.release("failed", ended=14, version="v3", environment="uat")
    past.release("succeeded", ended=10, version="v3")
    past.store.commits.keep("shop", sha_of("v1"), ago(60))
    for release, hours in ((by_commit, 40), (by_image, 30), (by_image, 31)):
        image = Image(f"web{hours}", "r/web", "dev-1", f"sha256:{'a' * 64}", None, ago(hours))
        past.store.ledger.keep(release, [image])
    found = past.of()
    assert found.lead_known_from == {"commit": 1, "image": 1, "store": 1}
    assert found.lead.count == 3
    assert found.lead.total == (50 + 21 + 4.5) * HOUR
    assert found.lead.median == 21 * HOUR


def test_a_commit_or_an_image_of_the_future_is_not_believed(past: Past) -> None:
    release = past.release("succeeded", ended=10)
    past.store.commits.keep("shop", sha_of("v1"), ago(9))
    image = Image("web", "r/web", "dev-1", f"sha256:{'a' * 64}", None, ago(-9))
    past.store.ledger.keep(release, [image])
    found = past.of()
    assert (found.lead_known_from, found.lead) == ({"store": 1}, once(0.5))


def test_what_was_put_back_by_itself_failed_from_its_deploy_to_its_end(past: Past) -> None:
    release = past.release("rolled_back", ended=10)
    past.step(release, "deploy", began=10.25, ended=10.1, outcome="failed")
    found = past.of()
    assert (found.restore, found.not_restored) == (once(0.25), 0)
    assert found.lead.count == 0


def test_what_was_gone_back_from_by_hand_failed_from_its_end_to_that_of_the_rollback(
    past: Past,
) -> None:
    release = past.release("succeeded", ended=10)
    past.release("refused", ended=9, kind="rollback", replaces=release)
    assert past.of().failed == 0
    past.release("succeeded", ended=8, kind="rollback", replaces=release)
    found = past.of()
    assert (found.changes, found.failed, found.restore) == (1, 1, once(2))
    assert found.lead == once(0.5), "it came to serve all the same"


@pytest.mark.parametrize(
    ("settled", "after", "restored"),
    [(None, None, None), (7, None, 2.5), (None, 6, 3.5), (7, 6, 2.5)],
)
def test_what_could_not_be_put_back_is_over_when_it_is_settled_or_another_comes(
    past: Past, settled: float | None, after: float | None, restored: float | None
) -> None:
    release = past.release("rollback_failed", ended=9)  # began half an hour before, and no deploy
    if settled:
        past.step(release, "settle", began=settled + 1, ended=settled)
    if after:
        past.release("succeeded", ended=after, kind="rollback")
    found = past.of()
    assert found.restore == (once(restored) if restored else Spread(0, 0.0, None, None))
    assert found.not_restored == (restored is None)


def test_migrations_that_had_nothing_to_do_take_no_time(past: Past) -> None:
    for number, (detail, outcome) in enumerate(
        [("2 applied", "succeeded"), ("nothing pending", "succeeded"), ("", "skipped")]
    ):
        release = past.release("failed", ended=10, version=f"v{number}")
        past.step(release, "migrate", began=12, ended=11, detail=detail, outcome=outcome)
    found = past.of()
    assert (found.migration, found.changes) == (once(1), 0)


def test_commits_that_nobody_knows_are_those_of_the_last_releases(past: Past) -> None:
    for number in range(4):
        past.release("refused", ended=10 - number, version=f"v{number}")
    past.store.commits.keep("shop", sha_of("v2"), ago(60))
    assert past.store.commits.unknown("shop", 3) == [sha_of("v3"), sha_of("v1")]
    assert past.store.commits.unknown("other", 3) == []


def test_github_is_asked_when_the_commits_of_releases_were_made(
    past: Past, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
    for number, version in enumerate(("v1", "v2", "not pushed")):
        past.release("succeeded", ended=10 - number, version=version)
    with running_github(commits=[sha_of("v1"), sha_of("v2")]) as (fake, api):
        github = {"repository": REPOSITORY, "token": "env:GITHUB_TOKEN", "api": api}
        (tmp_path / "fairlead.toml").write_text(tomli_w.dumps({**CONFIG, "github": github}))
        config = load(tmp_path / "fairlead.toml", {})
        project = Project(config, past.store, Secrets(os.environ, None))
        assert note_commits(project) == 2
        assert past.of().lead_known_from == {"commit": 2, "store": 1}
        fake.asked.clear()
        assert note_commits(project) == 0
        assert [asked.path.rpartition("/")[2] for asked in fake.asked] == [sha_of("not pushed")]
    assert note_commits(project) == 0, "GitHub is away"


# -- as it is told -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Told:
    folder: Path
    store_url: str

    def __call__(self, *arguments: str, code: int = 0) -> str:
        environ = {
            "FAIRLEAD_CONFIG": str(self.folder / "fairlead.toml"),
            "FAIRLEAD_STORE_URL": self.store_url,
        }
        done = CliRunner().invoke(fairlead, ["metrics", *arguments], env=environ)
        assert done.exit_code == code, done.output
        return done.output


@pytest.fixture
def told(past: Past, store_url: str, tmp_path: Path) -> Told:
    """A week ago a change that came to prod in an hour and was gone back from; none in dev."""
    release = past.release("succeeded", ended=170, environment="prod")
    past.store.commits.keep("shop", sha_of("v1"), ago(171))
    past.step(release, "migrate", began=170.2, ended=170.1, detail="1 applied")
    past.release("succeeded", ended=168, kind="rollback", replaces=release, environment="prod")
    (tmp_path / "fairlead.toml").write_text(tomli_w.dumps(CONFIG))
    return Told(tmp_path, store_url)


def test_the_table_has_every_environment_of_the_config(told: Told) -> None:
    lines = [" ".join(line.split()) for line in told().splitlines()]
    assert lines == [
        "ENVIRONMENT CHANGES A DAY LEAD TIME KNOWN FROM FAILED RESTORED IN MIGRATIONS",
        "dev 0 0",
        "prod 1 0.033 1 h 00 min / 1 h 00 min commit 1 1 (100%) 2 h 00 min / 2 h 00 min "
        "6 min 00 s / 6 min 00 s",
        "Of the last 30 days; times are those of half of them / of 9 of 10.",
    ]


def test_json_has_all_numbers(told: Told) -> None:
    (found,) = json.loads(told("prod", "--days", "10", "--format", "json"))
    assert found == {
        "environment": "prod",
        "days": 10,
        "changes": 1,
        "failed": 1,
        "not_restored": 0,
        "last_at": ago(170).isoformat(),
        "lead": {"count": 1, "total": HOUR, "median": HOUR, "ninetieth": HOUR},
        "lead_known_from": {"commit": 1},
        "restore": {"count": 1, "total": 2 * HOUR, "median": 2 * HOUR, "ninetieth": 2 * HOUR},
        "migration": {"count": 1, "total": 360.0, "median": 360.0, "ninetieth": 360.0},
        "changes_a_day": 0.1,
        "failure_ratio": 1.0,
    }


def test_prometheus_reads_what_it_is_given(told: Told) -> None:
    families = list(text_string_to_metric_families(told("--format", "prometheus")))
    assert {family.type for family in families} == {"gauge"}
    samples = [sample for family in families for sample in family.samples]
    assert {sample.labels.pop("project") for sample in samples} == {"shop"}
    found = {
        (sample.name.removeprefix("fairlead_"), *sample.labels.values()): sample.value
        for sample in samples
        if sample.labels.pop("environment") == "prod"
    }
    assert found == {
        ("window_seconds",): 2_592_000,
        ("changes", "good"): 0,
        ("changes", "failed"): 1,
        ("change_failure_ratio",): 1,
        ("changes_not_restored",): 0,
        ("last_change_timestamp_seconds",): ago(170).timestamp(),
        ("lead_time_seconds", "0.5"): HOUR,
        ("lead_time_seconds", "0.9"): HOUR,
        ("lead_time_changes", "commit"): 1,
        ("restore_time_seconds", "0.5"): 2 * HOUR,
        ("restore_time_seconds", "0.9"): 2 * HOUR,
        ("migration_duration_seconds", "0.5"): 360,
        ("migration_duration_seconds", "0.9"): 360,
    }


def test_the_plot_is_a_picture_of_each_day(told: Told) -> None:
    path = told.folder / "metrics.svg"
    told("--plot", str(path))
    words = [one.text for one in ET.parse(path).iter("{http://www.w3.org/2000/svg}text")]
    assert words[:4] == ["dev", "0 changes in 30 days", "1", str(NOW.date() - timedelta(days=30))]
    assert words[5:7] == [
        "prod",
        "1 change in 30 days, lead time 1 h 00 min, 100% failed, restored in 2 h 00 min",
    ]
    colours = [one.get("fill") for one in ET.parse(path).iter("{http://www.w3.org/2000/svg}rect")]
    assert colours.count("#c0392b") == 1


def test_a_plot_that_cannot_be_written_is_told(told: Told) -> None:
    done = CliRunner().invoke(
        fairlead,
        ["metrics", "--plot", str(told.folder / "none" / "a.svg")],
        env={
            "FAIRLEAD_CONFIG": str(told.folder / "fairlead.toml"),
            "FAIRLEAD_STORE_URL": told.store_url,
        },
    )
    assert str(done.exception) == (
        f"{told.folder}/none/a.svg cannot be written: No such file or directory.\n"
        "Give --plot another file."
    )
