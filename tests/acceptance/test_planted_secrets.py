"""No secret of the config is written down anywhere: planted ones are looked for everywhere.

A migration that prints its whole environment, a container that prints it and exits, an answer
that holds all of it: each in a release of its own, through Prefect, told to Slack and GitHub.
"""

import base64
import json
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from urllib.parse import quote, quote_plus

import docker
import psycopg
import pytest
from psycopg import sql

from examples.stand.containers import stop_service
from examples.stand.images import Images
from examples.stand.postgres import Postgres, create_database
from examples.stand.prefect_server import PrefectServer
from examples.stand.registry import Registry, start_secure_registry
from examples.stand.state import State
from fairlead.model import ReleaseState
from tests.bench.bench import Bench, sha_of
from tests.bench.prefect import Stage, staged, wait_for
from tests.contract import fake_github
from tests.contract.fake_github import FakeGitHub, running_github
from tests.contract.fake_slack import TOKEN, FakeSlack, running_slack

KEY = 'pl4nted\'key\\with "quotes"+plus/slash=ünd-0c3d51'
DATABASE_PASSWORD = "pl4nted/d@tabase:pässword+7e91"


def forms(secret: str) -> set[str]:
    """Whatever it may be wrapped in."""
    raw = secret.encode()
    return {
        secret,
        quote(secret, safe=""),
        quote_plus(secret),
        json.dumps(secret)[1:-1],
        json.dumps(json.dumps(secret))[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        repr(secret)[1:-1],
        *(
            base64.b64encode(b"x" * before + raw).decode()[4:-4]
            for before in range(3)  # it may begin anywhere in what was encoded
        ),
    }


def pieces(secret: str) -> set[str]:
    """Half a secret is one too: any ten characters of it in a row."""
    return {form[at : at + 10] for form in forms(secret) for at in range(max(1, len(form) - 9))}


class ProcessList:
    """Every command line on this machine, looked at again and again."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self._looked: Counter[str] = Counter()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> "ProcessList":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._end.wait(0.05):
            for process in Path("/proc").iterdir():
                # A process that is new becomes another program soon, and stays that.
                if process.name.isdigit() and self._looked[process.name] < 10:
                    self._looked[process.name] += 1
                    with suppress(OSError):  # it has ended
                        self.seen.add((process / "cmdline").read_text(errors="replace"))


@pytest.fixture
def slack() -> Iterator[tuple[FakeSlack, str]]:
    with running_slack() as running:
        yield running


@pytest.fixture
def github() -> Iterator[tuple[FakeGitHub, str]]:
    commits = [sha_of(version) for version in ("v1", "v2", "v3")]
    with running_github(commits=commits) as running:
        yield running


@pytest.fixture
def locked(
    engine: docker.DockerClient, images: Images, bench: Bench, tmp_path: Path
) -> Iterator[Registry]:
    """A registry with TLS and a password."""
    name = f"fairlead-secrets-{bench.project}"
    yield start_secure_registry(
        engine, images.registry, print, state=State(tmp_path / "tls"), name=name
    )
    stop_service(engine, name)


@pytest.fixture
def stage(
    bench: Bench,
    locked: Registry,
    slack: tuple[FakeSlack, str],
    github: tuple[FakeGitHub, str],
    postgres: Postgres,
    prefect_server: PrefectServer,
    tmp_path: Path,
) -> Iterator[Stage]:
    """A project with every kind of secret; what they are called is in the environment."""
    assert locked.access is not None
    bench.registry = locked.address
    bench.engine.login(locked.access.user, locked.access.password, registry=locked.address)
    url = create_database(postgres, bench.project, role=bench.project, password=DATABASE_PASSWORD)
    bench.environ |= {
        "APP_KEY": KEY,
        "APP_DATABASE_URL": url,
        "REGISTRY_USER": locked.access.user,
        "REGISTRY_PASSWORD": locked.access.password,
        "SLACK_TOKEN": TOKEN,
        "GITHUB_TOKEN": fake_github.TOKEN,
        "NO_PROXY": "127.0.0.1",
    }
    access = {
        "host": locked.address,
        "insecure": None,
        "username": "env:REGISTRY_USER",
        "password": "env:REGISTRY_PASSWORD",
        "ca": str(locked.access.authority),
    }
    config = {
        "registry": access,
        "github": {
            "repository": fake_github.REPOSITORY,
            "token": "env:GITHUB_TOKEN",
            "api": github[1],
        },
        "services": {"web": {"secrets": ["APP_KEY", "DATABASE_URL"]}},
    }
    told = {"channel": "#releases", "token": "env:SLACK_TOKEN", "api": slack[1]}
    with staged(
        bench,
        prefect_server,
        tmp_path / "stage",
        config,
        database={"url": "env:APP_DATABASE_URL"},
        notify={"slack": told},
    ) as made:
        yield made
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        for what in ("database", "role"):
            connection.execute(sql.SQL(f"drop {what} {{}}").format(sql.Identifier(bench.project)))


def test_no_secret_is_written_down_anywhere(
    stage: Stage,
    slack: tuple[FakeSlack, str],
    github: tuple[FakeGitHub, str],
    postgres: Postgres,
) -> None:
    bench, printed = stage.bench, []
    with ProcessList() as processes:
        stage.start_worker()
        for version, code, wrong in (
            ("v1", 0, {"MIGRATE": "shout"}),
            ("v2", 4, {"BEHAVIOUR": "tells"}),
            ("v3", 4, {"BEHAVIOUR": "blurts"}),
        ):
            sha = push_and_forget(stage, version, wrong)
            done = bench.fairlead("--verbose", "release", stage.environment, sha, code=code)
            printed.append(done.stdout + done.stderr)
        printed.append(bench.fairlead("show", "2", "--verbose").stdout)
    assert [release.state for release in bench.history(stage.environment)][::-1] == [
        ReleaseState.SUCCEEDED,
        ReleaseState.ROLLED_BACK,
        ReleaseState.ROLLED_BACK,
    ]
    for run in stage.api.runs(stage.release):
        wait_for(partial(is_logged, stage, run["id"]), "the last line of the log in Prefect")
    places = {
        "the store": dump(bench.store_url),
        "Prefect's database": dump(postgres.url("prefect")),
        "Slack": "\n".join(asked.body.decode() for asked in slack[0].asked),
        "GitHub": "\n".join(asked.body.decode() for asked in github[0].asked),
        "what the commands printed": "\n".join(printed),
        "the files of Prefect's worker and its flows": text_of_files(stage.state.home),
        "labels and commands of containers": containers_but_their_environment(bench),
        "the process list": "\n".join(processes.seen),
    }
    for place, text in places.items():
        assert len(text) > 100, f"nothing to look at in {place}"
        assert found_in(text, planted(stage)) == {}, place
    # They came where they belong, so there was something to find.
    (container,) = bench.containers(state="running")
    given = dict(
        entry.split("=", 1)
        for entry in bench.engine.containers.get(container).attrs["Config"]["Env"]
    )
    assert (given["APP_KEY"], given["DATABASE_URL"]) == (KEY, bench.environ["APP_DATABASE_URL"])
    assert "***" in places["the store"]
    assert "***" in places["what the commands printed"]


def push_and_forget(stage: Stage, version: str, wrong: Mapping[str, str]) -> str:
    """The image is in the registry only, so that it has to be pulled, with the password."""
    sha = stage.push(version, OWNER=stage.bench.project, **wrong)
    name = f"{stage.bench.registry}/{stage.bench.project}/web:{stage.environment}-{sha}"
    engine = stage.bench.engine
    engine.images.remove(str(engine.images.get(name).id), force=True)
    return sha


def planted(stage: Stage) -> dict[str, str]:
    environ = stage.bench.environ
    return {
        "the application's key": KEY,
        "the database's password": DATABASE_PASSWORD,
        "the database's password in its URL": quote(DATABASE_PASSWORD, safe=""),
        "the registry's password": environ["REGISTRY_PASSWORD"],
        "Slack's token": TOKEN,
        "GitHub's token": fake_github.TOKEN,
    }


def found_in(text: str, secrets: Mapping[str, str]) -> dict[str, str]:
    """Which of the secrets is there, and where."""
    found = {}
    for name, secret in secrets.items():
        for piece in pieces(secret):
            if (at := text.find(piece)) >= 0:
                found[name] = text[max(0, at - 200) : at + 200]
    return found


def dump(url: str) -> str:
    """Every row of every table of a database, as text and, where it is bytes, as what they say."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where table_schema not in ('pg_catalog', 'information_schema') "
            "and table_type = 'BASE TABLE'"
        ).fetchall()
        rows = [
            row[0]
            for schema, table in tables
            for row in connection.execute(
                sql.SQL("select t::text from {} as t").format(sql.Identifier(schema, table))
            )
        ]
    # A row's text doubles quotes and backslashes.
    return "\n".join(rows) + "\n".join(rows).replace('""', '"').replace("\\\\", "\\")


def is_logged(stage: Stage, run: str) -> bool:
    """Prefect sends the lines every two seconds; this is a flow's last one."""
    return any(
        line["name"] == "prefect.flow_runs" and line["message"].startswith("Finished in state")
        for line in stage.api.logs(run)
    )


def text_of_files(folder: Path) -> str:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "\n".join(path.read_bytes().decode("utf-8", "replace") for path in files)


def containers_but_their_environment(bench: Bench) -> str:
    shown = []
    for name in [c for role in ("service", "proxy", "router") for c in bench.containers(role)]:
        attributes = bench.engine.containers.get(name).attrs
        attributes["Config"] = {**attributes["Config"], "Env": None}
        shown.append(json.dumps(attributes, ensure_ascii=False))
    return "\n".join(shown)
