"""The commands that look, check and repair, run as a person would: text, JSON and exit codes."""

import dataclasses
import getpass
import json
import re
import subprocess
import tomllib
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from fairlead.lease import holder
from fairlead.model import ReleaseState
from fairlead.store.schema import SCHEMA
from tests.bench.bench import ENGINE, Bench, free_port, sha_of


def said(bench: Bench, *commands: Sequence[str], code: int = 0) -> list[str]:
    """What each of the commands prints; they run side by side."""

    def one(command: Sequence[str]) -> str:
        done = bench.fairlead(*command, code=code)
        assert done.stderr == ""
        return done.stdout

    with ThreadPoolExecutor(max_workers=2) as pool:
        return list(pool.map(one, commands))


def rows(text: str) -> list[list[str]]:
    """The cells of a table, moments and durations as `#`."""
    blanked = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?|\d+\.\d s", "#", text)
    return [re.split(r" {2,}", line.strip()) for line in blanked.splitlines()]


def plain(value: Any) -> Any:
    """A model as JSON has it."""
    if isinstance(value, list):
        return [plain(entry) for entry in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {name: plain(entry) for name, entry in dataclasses.asdict(value).items()}
    return value.isoformat() if isinstance(value, datetime) else value


def everything_stored(bench: Bench) -> dict[str, list[Any]]:
    with psycopg.connect(bench.store_url) as connection:
        tables = connection.execute(
            "select table_name from information_schema.tables where table_schema = %s", (SCHEMA,)
        ).fetchall()
        return {
            name: connection.execute(
                sql.SQL("select * from {}").format(sql.Identifier(SCHEMA, name))
            ).fetchall()
            for (name,) in tables
        }


@pytest.fixture
def two(bench: Bench) -> Bench:
    """dev, which runs v1 and did not get v2, and uat, where nothing was released."""
    uat = bench.environment(free_port(), promotes_from="dev")
    bench.configure(environments={"uat": uat})
    bench.release(bench.push("v1"), reason="the first")
    bench.release(bench.push("v2", MIGRATE="fail"))
    return bench


def test_what_runs_where_and_what_was_released_is_told(two: Bench) -> None:
    v1, v2, name = sha_of("v1"), sha_of("v2"), two.project
    failed, good = two.history()
    status, history, limited, none, tags, show, verbose = said(
        two,
        ["status"],
        ["history"],
        ["history", "dev", "--limit", "1"],
        ["history", "uat"],
        ["tags", "web"],
        ["show", str(failed.id)],
        ["show", str(failed.id), "--verbose"],
    )
    assert rows(status) == [
        ["ENVIRONMENT", "RUNS", "SINCE", "BY", "ON"],
        ["dev", v1[:12], "#", "tester", "local"],
        ["uat", "nothing"],
    ]
    assert rows(history) == [
        [*("ID", "ENVIRONMENT", "COMMIT", "KIND", "STATE", "STARTED", "TOOK", "LOST", "BY"),
         "REASON"],
        [str(failed.id), "dev", v2[:7], "release", "failed", "#", "#", "tester"],
        [*(str(good.id), "dev", v1[:7], "release", "succeeded", "#", "#", "0", "tester"),
         "the first"],
    ]  # fmt: skip
    assert rows(limited)[1:] == [
        [str(failed.id), "dev", v2[:7], "release", "failed", "#", "#", "tester"]
    ]
    assert none == "Nothing has been released yet.\n"
    assert rows(tags) == [
        ["TAG", "RUNS IN"],
        *sorted([[f"dev-{v1}", "dev"], [f"dev-{v2}"], ["dev-latest"]]),
    ]
    (image,) = two.read(lambda store: store.ledger.images(failed.id))
    lines = (
        f"release      {failed.id}\n"
        "environment  dev\n"
        f"commit       {v2}\n"
        "kind         release\n"
        "state        failed\n"
        "by           tester, command line\n"
        "started      #\n"
        "took         #\n"
        f"replaces     release {good.id}\n"
        "error        `migrate` ended with exit code 7. Its last lines:\n"
        "                   Applying app.v2... OK\n"
        "                 ERROR: column app.price does not exist\n"
        "             No container was changed. If this command should not run, name those "
        'that should: [migrations] preset = "command", commands = [[…]]\n'
        "\n"
        "STEP             OUTCOME    TOOK   WHAT\n"
        "preflight        succeeded  #  1 host(s) answer\n"
        f"verify_build     succeeded  #  web {image.digest[7:19]}\n"
        "plan_migrations  succeeded  #  nobody knows what the project's own commands would change\n"
        "pull_images      succeeded  #  all there\n"
        "migrate          failed     #  failed after it had begun app.v2\n"
        "\n"
        "SERVICE  IMAGE\n"
        f"web      {two.registry}/{name}/web@{image.digest}\n"
    )
    logs = (
        "\npreflight\n  hosts: local\n"
        f"\nverify_build\n  web: {image.repository}:dev-{v2} is {image.digest}\n"
        "\nmigrate\n  preset command: the list of the config\n  to run: migrate\n"
        "  $ migrate\n"
        "    Applying app.v2... OK\n  ERROR: column app.price does not exist\n"
    )
    blanked = [re.sub(r"\d{4}-.*:\d\d|\d+\.\d s", "#", text) for text in (show, verbose)]
    assert blanked == [lines, lines + logs]


def test_everything_that_is_listed_comes_as_json_too(two: Bench) -> None:
    failed, good = two.history()
    status, history, show, tags, check, planned = (
        json.loads(text)
        for text in said(
            two,
            ["status", "--json"],
            ["history", "--json"],
            ["show", str(failed.id), "--json"],
            ["tags", "web", "--json"],
            ["check", "--json"],
            ["promote", "dev", "uat", "--dry-run", "--json"],
        )
    )
    placed, images, steps = two.read(
        lambda store: (
            store.placements.all(two.project, "dev"),
            store.ledger.images(failed.id),
            store.steps.of(failed.id),
        )
    )
    nothing = dict.fromkeys(("sha", "release", "since", "requested_by"))
    assert status == [
        {
            "environment": "dev",
            "sha": good.sha,
            "release": good.id,
            "since": plain(good.ended_at),
            "requested_by": "tester",
            "hosts": ["local"],
            "services": plain(placed),
            "now": "",
        },
        {"environment": "uat", **nothing, "hosts": [], "services": [], "now": ""},
    ]
    assert history == plain([failed, good])
    assert show == {
        "release": plain(failed),
        "steps": plain(steps),
        "images": plain(images),
        "backup": None,
        "tenants": [],
        "preview": None,
    }
    assert tags == sorted(
        [
            {"tag": f"dev-{good.sha}", "runs_in": ["dev"]},
            {"tag": f"dev-{failed.sha}", "runs_in": []},
            {"tag": "dev-latest", "runs_in": []},
        ],
        key=lambda row: str(row["tag"]),
    )
    assert [(found["environment"], found["finding"]["what"]) for found in check] == [
        ("", "store"),
        ("", f"registry {two.registry}"),
        ("dev", "secrets"),
        ("dev", "host local"),
        ("uat", "secrets"),
        ("uat", "host local"),
    ]
    assert [found["finding"]["problem"] for found in check] == [None] * 6
    (image,) = two.read(lambda store: store.ledger.images(good.id))
    assert planned == {
        "environment": "uat",
        "sha": good.sha,
        "replaces": None,
        "images": [plain(image)],
        "unchanged": False,
        "frozen": None,
    }


def test_a_dry_run_says_what_would_be_done_and_changes_nothing(two: Bench) -> None:
    v1, v3, name = sha_of("v1"), two.push("v3"), two.project
    before, containers = everything_stored(two), two.containers()
    runs, new, first = said(
        two,
        ["release", "dev", v1, "--dry-run"],
        ["release", "dev", v3, "--dry-run"],
        ["promote", "dev", "uat", "--dry-run"],
    )
    image = rf"  web: {two.registry}/{name}/web@sha256:[0-9a-f]{{64}} \(from dev-"
    proven = "  The build is proven. Nothing was changed; leave --dry-run away to release it.\n"
    again = "  It runs already: nothing would be done.\n"
    assert re.fullmatch(rf"dev: {v1} → {v1}\n{image}{v1}\)\n{again}", runs)
    assert re.fullmatch(rf"dev: {v1} → {v3}\n{image}{v3}\)\n{proven}", new)
    assert re.fullmatch(rf"uat: nothing → {v1}\n{image}{v1}\)\n{proven}", first)
    assert everything_stored(two) == before
    assert two.containers() == containers


def test_a_release_is_told_as_json_and_nothing_else(bench: Bench) -> None:
    sha = bench.push("v1")
    told = json.loads(bench.fairlead("release", "dev", sha, "--in-process", "--json").stdout)
    (release,) = bench.history()
    assert release.state is ReleaseState.SUCCEEDED
    assert release.requested_by == getpass.getuser()
    assert told["release"] == plain(release)
    assert told["steps"] == plain(bench.steps(release.id))[: len(told["steps"])]
    assert set(told) == {"release", "steps", "flow"}


def test_check_tells_each_connection_on_a_line_and_fails_with_any(bench: Bench) -> None:
    none, dead = bench.folder / "none.sock", f"127.0.0.1:{free_port()}"
    (good,) = said(bench, ["check"])
    store = bench.store_url.rpartition("@")[2]
    config = bench.environ["FAIRLEAD_CONFIG"]
    docker = f"Docker {bench.engine.version()['Version']}"
    assert good == (
        f"ok      {config}: the config is whole\n"
        f"ok      store: {store}\n"
        f"ok      registry {bench.registry}: answers\n"
        "ok      dev: secrets: APP_KEY\n"
        f"ok      dev: host local: {docker}\n"
    )
    hosts = {"hosts": [ENGINE, f"unix://{none}"], "secrets": {"APP_KEY": "env:NOT_SET"}}
    bench.configure(registry={"host": dead}, environments={"dev": hosts})
    (bad,) = said(bench, ["check", "dev"], code=3)
    assert bad == (
        f"ok      {config}: the config is whole\n"
        f"ok      store: {store}\n"
        f"FAILED  registry {dead}: The registry {dead} refuses the connection.\n"
        "        Wait for it, or mend the way to it, then try: fairlead check\n"
        "FAILED  dev: secrets: The secret env:NOT_SET is not there: "
        "the environment variable is not set.\n"
        "        Set it where Fairlead runs, then try: fairlead check\n"
        f"ok      dev: host local: {docker}\n"
        f"FAILED  dev: host {none}: The Docker engine of unix://{none} does not answer: "
        "[Errno 2] No such file or directory.\n"
        "        Start it, or mend the way to it, then try: fairlead check\n"
    )
    findings = json.loads(bench.fairlead("check", "dev", "--json", code=3).stdout)
    assert [bool(found["finding"]["problem"]) for found in findings] == [
        *(False, True, True, False, True),
    ]


def refusal(bench: Bench, *arguments: str, code: int) -> str:
    done = bench.fairlead(*arguments, code=code)
    assert done.stdout == ""
    return done.stderr


def test_what_is_asked_for_and_not_there_is_told(bench: Bench) -> None:
    no_qa = 'error: There is no environment "qa" in the config.\nIt has: dev\n'
    nothing = "error: dev cannot go back: nothing was ever released there.\n"
    cases: list[tuple[list[str], int, str]] = [
        (["history", "qa"], 2, no_qa),
        (["settle", "qa"], 2, no_qa),
        (["unlock", "qa"], 2, no_qa),
        (["check", "qa"], 2, no_qa),
        (["rollback", "qa"], 2, no_qa),
        (
            ["rollback", "dev"],
            3,
            f"{nothing}See what ran there: fairlead history dev\n",
        ),
        (
            ["promote", "dev", "dev"],
            3,
            "error: dev is not promoted to dev: dev promotes from nothing "
            "(environments.dev.promotes_from).\nSee what runs where: fairlead status\n",
        ),
        (
            ["show", "7"],
            2,
            "error: The store knows no release 7.\nSee which there are: fairlead history\n",
        ),
        (
            ["tags", "api"],
            2,
            'error: There is no service "api" in the config.\nIt has: web\n',
        ),
    ]
    acts: list[Callable[[], str]] = [
        lambda arguments=arguments, code=code: refusal(bench, *arguments, code=code)  # type: ignore[misc]
        for arguments, code, _ in cases
    ]
    with ThreadPoolExecutor(max_workers=2) as pool:
        told = list(pool.map(lambda act: act(), acts))
    assert told == [message for *_, message in cases]


def test_a_command_that_is_not_there_is_an_error_of_its_user(bench: Bench) -> None:
    assert refusal(bench, "deploy", code=2).endswith("Error: No such command 'deploy'.\n")
    assert refusal(bench, "release", "dev", code=2).endswith("Error: Missing argument 'SHA'.\n")


def test_an_environment_can_be_unlocked_and_settled_by_hand(bench: Bench) -> None:
    with bench.store() as store:
        free, settled = said(bench, ["unlock", "dev"], ["settle", "dev"])
        assert free == "dev: nobody holds the lease.\n"
        assert settled == "dev: nothing was left unfinished.\n"
        store.leases.acquire(bench.project, "dev", holder(), 60)
        held = bench.fairlead("settle", "dev", code=3)
        assert re.fullmatch(
            rf"error: dev is being changed by another run: {re.escape(holder())}, since .*\.\n"
            r"Wait for it \(--wait\), or look: fairlead history dev\n",
            held.stderr,
        )
        (status,) = said(bench, ["status"])
        assert rows(status) == [
            ["ENVIRONMENT", "RUNS", "NOW"],
            ["dev", "nothing", f"being changed ({holder()})"],
        ]
        asked = subprocess.run(
            bench.command("unlock", "dev"),
            env=bench.environ,
            input="n\n",
            capture_output=True,
            text=True,
            check=False,
        )
        assert (asked.returncode, asked.stderr) == (130, "Interrupted.\n")
        assert asked.stdout == f"dev is held by {holder()}. Take it away? [y/N]: "
        assert store.leases.live(bench.project)
        (taken,) = said(bench, ["unlock", "dev", "--yes"])
        assert taken == f"dev: taken from {holder()}. Now: fairlead settle dev\n"
        assert store.leases.live(bench.project) == []


def test_init_writes_a_config_to_start_from_and_never_over_one(
    bench: Bench, tmp_path: Path
) -> None:
    path = tmp_path / "new.toml"
    made = bench.fairlead("--config", str(path), "init", "Meat & Co.")
    assert made.stdout == (f"{path} is written. Change what is yours in it, then: fairlead check\n")
    assert tomllib.loads(path.read_text())["project"] == "meat-co"
    path.write_text("mine")
    assert refusal(bench, "--config", str(path), "init", code=2) == (
        f"error: {path} is there already.\nLook at it: fairlead check\n"
    )
    assert path.read_text() == "mine"
