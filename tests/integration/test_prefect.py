"""Releases through Prefect: deployed, started in every way, watched, cancelled, and without it."""

import getpass
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from examples.stand.prefect_server import PrefectServer, client_environment
from examples.stand.prefect_worker import POOL, deploy_all, ensure_work_pool
from examples.stand.state import State
from fairlead.model import Release, ReleaseState, StepName, StepOutcome
from tests.bench.bench import Bench, free_port, sha_of
from tests.bench.prefect import PREFECT_YAML, Api, Stage, staged, wait_for, written_deployments

STEPS = [
    "preflight",
    "verify_build",
    "plan_migrations",
    "pull_images",
    "migrate",
    "deploy",
    "check_health",
    "record",
    "move_tags",
    "retire",
    "report",
]


@pytest.fixture
def stage(bench: Bench, prefect_server: PrefectServer, tmp_path: Path) -> Iterator[Stage]:
    with staged(bench, prefect_server, tmp_path / "stage") as made:
        yield made


# -- what is deployed --------------------------------------------------------------------------

TEXT = {"type": "string", "default": ""}
REASON = {
    **TEXT,
    "maxLength": 500,
    "description": "Why, for the history and for those who are told.",
}
WHO = {**TEXT, "maxLength": 100, "description": "Who you are, for the history."}
WAIT = {
    "type": "number",
    "default": 0,
    "minimum": 0,
    "maximum": 1440,
    "description": "How many minutes to wait for a release that is running here already. With 0\n"
    "this one is refused then.",
}
REQUEST = {
    **TEXT,
    "description": "For programs, which may ask twice: the same request is served once. A person\n"
    "leaves it empty.",
}
FORMS: dict[str, dict[str, Any]] = {
    "release": {
        "environment": {
            "type": "string",
            "description": "Where to. Set by this deployment: leave it as it is.",
        },
        "sha": {
            "type": "string",
            "pattern": "^[0-9a-f]{40}$",
            "description": "The commit to release: all 40 hex digits of it, as `git rev-parse` "
            "prints them.",
        },
        "reason": REASON,
        "requested_by": WHO,
        "source": {
            **TEXT,
            "description": "To promote, the environment whose images of this commit are taken, "
            "e.g. `uat`.\nEmpty: the images that were built for this environment.",
        },
        "wait_minutes": WAIT,
        "if_unchanged": {
            "type": "string",
            "default": "do nothing",
            "enum": ["do nothing", "release again"],
            "description": "What to do when the environment runs exactly this already.",
        },
        "when_frozen": {
            "type": "string",
            "default": "refuse",
            "enum": ["refuse", "release anyway"],
            "description": "What to do in a freeze window; releasing anyway is recorded.",
        },
        "request_id": REQUEST,
    },
    "rollback": {
        "environment": {
            "type": "string",
            "description": "Where. Set by this deployment: leave it as it is.",
        },
        "sha": {
            **TEXT,
            "pattern": "^([0-9a-f]{40})?$",
            "description": "The commit to go back to, one that was released here before: all 40 "
            "hex digits. Empty:\nwhat ran before this.",
        },
        "reason": REASON,
        "requested_by": WHO,
        "wait_minutes": WAIT,
        "request_id": REQUEST,
    },
    "refresh": {
        "environment": {
            "type": "string",
            "description": "Which one gets new data. Set by this deployment: leave it as it is.",
        },
        "source": {
            **TEXT,
            "description": "Whose data, as the config has it; empty is the same.",
        },
        "requested_by": WHO,
        "wait_minutes": WAIT,
        "request_id": REQUEST,
    },
    "watch_drift": {},
    "promote": {},
    "prune": {
        "dry_run": {
            "type": "boolean",
            "default": False,
            "description": "Only say what would be removed.",
        },
    },
}
REQUIRED = {
    "release": ["environment", "sha"],
    "rollback": ["environment"],
    "refresh": ["environment"],
}


def test_prefect_yaml_arrives_as_it_is_written(
    prefect_server: PrefectServer, tmp_path: Path
) -> None:
    ensure_work_pool(prefect_server)
    deploy_all(PREFECT_YAML, prefect_server, state=State(tmp_path))
    written = written_deployments()
    with httpx.Client(base_url=prefect_server.api_url, timeout=30, trust_env=False) as client:
        api = Api(client)
        for entry in written:
            flow = entry["entrypoint"].partition(":")[2]
            found = api.deployment(f"{flow}/{entry['name']}")
            assert {
                "name": found["name"],
                "entrypoint": found["entrypoint"],
                "description": found["description"],
                "tags": found["tags"],
                "parameters": found["parameters"],
                "work_pool": {
                    "name": found["work_pool_name"],
                    "job_variables": found["job_variables"],
                },
                **scheduling_of(found),
            } == entry, "Prefect drops what it does not know, without a word"
            assert found["enforce_parameter_schema"]
            assert not found["paused"]
            assert form_of(found) == FORMS[flow]
            required = found["parameter_openapi_schema"].get("required", [])
            assert sorted(required) == REQUIRED.get(flow, [])
        place = f"/deployments/{api.deployment('release/dev')['id']}/create_flow_run"
        refused = api.ask("POST", place, {"parameters": {"sha": "1a2b3c4"}}, code=409)
        assert refused == {
            "detail": "Error creating flow run: Validation failed for field 'sha'. "
            "Failure reason: '1a2b3c4' does not match '^[0-9a-f]{40}$'"
        }
    assert {entry["name"] for entry in written} == {"dev", "uat", "prod", "all"}
    assert {entry["work_pool"]["name"] for entry in written} == {POOL}


def scheduling_of(deployment: dict[str, Any]) -> dict[str, Any]:
    """When it runs by itself, and what becomes of a run that begins while one goes on."""
    limit = deployment["global_concurrency_limit"]
    schedules = [
        {key: one["schedule"][key] for key in ("cron", "timezone")} | {"active": one["active"]}
        for one in deployment["schedules"]
    ]
    options = deployment["concurrency_options"] or {}
    strategy = {"collision_strategy": options.get("collision_strategy")}
    alone = {"limit": limit["limit"], **strategy} if limit else None
    found = {"schedules": schedules, "concurrency_limit": alone}
    return {key: value for key, value in found.items() if value}


def form_of(deployment: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the form asks, without Prefect's own words about it."""
    asked: dict[str, dict[str, Any]] = deployment["parameter_openapi_schema"]["properties"]
    assert all(field["title"] == name for name, field in asked.items())
    return {
        name: {key: value for key, value in field.items() if key not in ("title", "position")}
        for name, field in asked.items()
    }


# -- every way to start one --------------------------------------------------------------------


def test_release_ends_in_the_same_history_however_it_was_started(stage: Stage) -> None:
    stage.start_worker()
    by_cli = stage.push("v1")
    prefect = [sys.executable, "-m", "prefect", "deployment", "run", stage.release]
    watched = subprocess.run(
        [*prefect, "--param", f"sha={by_cli}", "--param", "reason=by hand", "--watch"],
        env=client_environment(stage.server, stage.state),
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )
    assert watched.returncode == 0, watched.stdout + watched.stderr
    by_rest = stage.push("v2")
    asked = {"sha": by_rest, "reason": "by a robot", "requested_by": "robot"}
    once = f"v2 of {stage.bench.project}"  # Prefect knows it for the flow, not for the deployment
    run = stage.api.start(stage.release, asked, idempotency_key=once)
    assert stage.api.start(stage.release, asked, idempotency_key=once) == run
    assert stage.api.ended(run)["state"]["name"] == "Completed"
    by_command = stage.push("v3")
    done = stage.bench.fairlead("release", stage.environment, by_command, "--reason", "by command")
    assert done.stdout.splitlines()[-1].startswith(
        f"Release 3: {by_command[:7]} to {stage.environment}: succeeded ("
    )
    assert stage.bench.serves() == "v3"
    history = stage.bench.history(stage.environment)[::-1]
    assert [(one.sha, one.requested_by, one.requested_via, one.reason) for one in history] == [
        (by_cli, "unknown", "prefect", "by hand"),
        (by_rest, "robot", "prefect", "by a robot"),
        (by_command, getpass.getuser(), "prefect", "by command"),
    ]
    runs = stage.api.runs(stage.release)
    assert [run["id"] for run in runs] == [release.flow_run for release in history]
    for release, found in zip(history, runs, strict=True):
        reads_well(stage, release, found)
    refuses_a_bad_sha_by_itself(stage)


def reads_well(stage: Stage, release: Release, run: dict[str, Any]) -> None:
    """What a person sees of it in Prefect: name, tags, message, tasks, log."""
    assert release.state is ReleaseState.SUCCEEDED
    assert run["name"] == f"release-{release.sha[:7]}-to-{stage.environment}"
    assert sorted(run["tags"]) == sorted([stage.environment, release.sha[:7]])
    assert (run["state"]["name"], run["state"]["message"]) == (
        "Completed",
        f"{stage.environment} runs {release.sha[:7]}",
    )
    wait_for(
        lambda: len(stage.api.task_runs(run["id"])) == len(STEPS), "Prefect to know every task"
    )
    tasks = stage.api.task_runs(run["id"])
    assert [(task["name"], task["state"]["name"]) for task in tasks] == [
        (name, "Completed") for name in STEPS
    ]
    retries = {task["name"]: task["empirical_policy"]["retries"] for task in tasks}
    assert (retries["migrate"], retries["deploy"], retries["verify_build"]) == (0, 0, 3)
    said = wait_for_log(stage, run, "retire: ")
    assert [line for line in said if line[1].startswith("migrate: ")] == [
        (20, "migrate: preset command: the list of the config"),
        (20, "migrate: to run: migrate"),
        (20, "migrate: $ migrate"),
        (20, f"migrate:   Applying app.v{release.id}... OK"),
    ]
    name = f"{stage.bench.project}-{stage.environment}-web-{release.id}-1"
    from_a_thread = f"deploy: local: {name} is healthy after "
    assert any(text.startswith(from_a_thread) for _, text in said), said


def wait_for_log(stage: Stage, run: dict[str, Any], last: str) -> list[tuple[int, str]]:
    """Level and text of what the core said, once a line that begins with `last` is there; Prefect
    sends them every two seconds."""

    def said() -> list[tuple[int, str]]:
        lines = stage.api.logs(run["id"])
        return [(line["level"], line["message"]) for line in lines if line["name"] == "fairlead"]

    # The first release has nothing to retire, so the step before it has to do there.
    wait_for(
        lambda: any(text.startswith((last, "check_health: ")) for _, text in said()),
        f"the log of {run['name']}",
    )
    return said()


def refuses_a_bad_sha_by_itself(stage: Stage) -> None:
    """Whoever switches off the schema does not get past the flow."""
    before = stage.bench.history(stage.environment)
    run = stage.api.start(stage.release, {"sha": "HEAD"}, enforce_parameter_schema=False)
    state = stage.api.ended(run)["state"]
    assert (state["name"], state["message"]) == (
        "Failed",
        "Validation of flow parameters failed with error: ParameterTypeError: "
        "Flow run received invalid parameters:\n"
        " - sha: String should match pattern '^[0-9a-f]{40}$'",
    )
    assert stage.bench.history(stage.environment) == before


def test_failed_release_ends_its_run_with_what_happened_and_what_to_do(bench: Bench) -> None:
    failing = bench.push("v1", MIGRATE="fail")
    states = [flow_state(bench, sha) for sha in (failing, sha_of("never built"))]
    assert states == [
        (
            "Failed",
            "`migrate` ended with exit code 7.\n"
            "No container was changed. If this command should not run, name those that should: "
            '[migrations] preset = "command", commands = [[…]]',
        ),
        (
            "Failed",
            f"{bench.registry}/{bench.project}/web has no tag dev-{sha_of('never built')}.\n"
            "Did the build push it? See what there is: fairlead tags SERVICE",
        ),
    ]


def flow_state(bench: Bench, sha: str) -> tuple[str, str]:
    from flows.release import release

    with bench.acting():
        state: Any = release(environment="dev", sha=sha, return_state=True)
    return str(state.name), str(state.message)


def test_same_request_is_served_once(bench: Bench) -> None:
    from flows.release import release

    sha = bench.push("v1")
    with bench.acting():
        states: list[Any] = [
            release(environment="dev", sha=sha, request_id="a", return_state=True) for _ in range(2)
        ]
    assert [(state.name, state.message) for state in states] == [
        ("Completed", f"dev runs {sha[:7]}"),
        ("Completed", "this request was served by release 1: succeeded"),
    ]
    assert len(bench.history()) == 1


# -- following, cancelling ---------------------------------------------------------------------


def test_command_tells_that_no_worker_is_there_and_ctrl_c_ends_only_the_following(
    stage: Stage,
) -> None:
    sha = stage.push("v1")
    # Twenty seconds are right for people; two are enough to see it.
    impatient = (
        "import fairlead.cli.starting as s; s.PATIENCE = 2; import fairlead.cli as c; c.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", impatient, "release", stage.environment, sha],
        env=stage.bench.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as command:
        assert command.stdout is not None
        told = command.stdout.readline()
        time.sleep(1)  # Rich, interrupted while it prints a line, prints it once more
        command.send_signal(signal.SIGINT)
        rest, complaints = command.communicate(timeout=20)
    assert (told, rest, complaints, command.returncode) == (
        "No worker has taken the run for 2 s. Is one running? "
        f"fairlead worker {stage.environment}\n",
        "The release goes on. Look at it: fairlead history. Stop it: cancel it in Prefect.\n",
        "",
        130,
    )
    (run,) = stage.api.runs(stage.release)
    stage.start_worker()
    assert stage.api.ended(run["id"])["state"]["name"] == "Completed"
    assert stage.bench.serves() == "v1"


def test_cancel_in_the_middle_of_deploy_puts_the_environment_back(stage: Stage) -> None:
    stage.start_worker()
    bench = stage.bench
    good = bench.release(stage.push("v1"), stage.environment)
    bench.configure(
        services={"web": {"health": {"timeout": 60}}},
        environments={"dev": None, stage.environment: bench.environment(bench.port)},
    )
    run = stage.api.start(stage.release, {"sha": stage.push("v2", BEHAVIOUR="sick")})
    new = f"{bench.project}-{stage.environment}-web-2-1"
    wait_for(lambda: new in bench.containers(state="running"), "the new container", 60)
    stage.api.ask("POST", f"/flow_runs/{run}/set_state", {"state": {"type": "CANCELLING"}})
    assert stage.api.ended(run)["state"]["name"] == "Cancelled"
    cancelled = bench.history(stage.environment)[0]
    assert (cancelled.state, cancelled.error) == (
        ReleaseState.ROLLED_BACK,
        "It was stopped from outside (TerminationSignal).",
    )
    outcomes = [(step.name, step.outcome) for step in bench.steps(cancelled.id)][-2:]
    assert outcomes == [
        (StepName.DEPLOY, StepOutcome.FAILED),
        (StepName.ROLL_BACK, StepOutcome.SUCCEEDED),
    ]
    assert bench.serves() == "v1"
    assert bench.containers() == [f"{bench.project}-{stage.environment}-web-{good.id}-1"]
    assert bench.read(lambda store: store.leases.live(bench.project)) == []


# -- without Prefect ---------------------------------------------------------------------------


def test_command_says_what_is_missing_at_the_prefect_api(bench: Bench) -> None:
    api = bench.environ["PREFECT_API_URL"]
    bench.configure(environments={"dev": None, "nowhere": bench.environment(bench.port)})
    done = bench.fairlead("release", "nowhere", sha_of("v1"), code=3)
    assert done.stderr.splitlines()[:2] == [
        f"error: The Prefect API at {api} does not answer as it should: "
        "it has no deployment release/nowhere; make it with: prefect deploy --all.",
        "Start it, or run the release in this process: fairlead release --in-process",
    ]
    assert bench.history("nowhere") == []


def test_release_is_possible_while_prefect_is_away(bench: Bench, tmp_path: Path) -> None:
    away = f"http://127.0.0.1:{free_port()}/api"
    bench.environ |= {"PREFECT_API_URL": away, "PREFECT_HOME": str(tmp_path / "prefect")}
    sha = bench.push("v1")
    refused = bench.fairlead("release", "dev", sha, code=3)
    assert refused.stderr.splitlines()[:2] == [
        f"error: The Prefect API at {away} does not answer as it should: "
        "[Errno 111] Connection refused.",
        "Start it, or run the release in this process: fairlead release --in-process",
    ]
    assert bench.history() == []
    bench.fairlead("release", "dev", sha, "--in-process")
    (release,) = bench.history()
    assert (release.state, release.requested_via) == (ReleaseState.SUCCEEDED, "command line")
    assert bench.serves() == "v1"
