"""What runs by itself, through Prefect's schedules: its time zone, its artifact, its events."""

from pathlib import Path
from typing import Any

from examples.stand.prefect_server import PrefectServer
from tests.bench.bench import Bench
from tests.bench.prefect import Stage, staged, wait_for


def artifact(stage: Stage, run: str, key: str) -> str:
    wanted = {"flow_runs": {"id": {"any_": [run]}}, "artifacts": {"key": {"any_": [key]}}}
    (found,) = stage.api.ask("POST", "/artifacts/filter", wanted)
    return str(found["data"])


def events(stage: Stage) -> list[dict[str, Any]]:
    """Ours about the environment, the oldest first."""
    about = f"fairlead.environment.{stage.bench.project}.{stage.environment}"
    wanted = {"resource": {"id": [about]}, "order": "ASC"}
    found: list[dict[str, Any]] = stage.api.ask("POST", "/events/filter", {"filter": wanted})[
        "events"
    ]
    return found


def test_drift_is_watched_and_hosts_are_pruned_by_schedule_in_a_time_zone(
    bench: Bench, prefect_server: PrefectServer, tmp_path: Path
) -> None:
    with staged(bench, prefect_server, tmp_path / "stage", entries=("dev", "all")) as stage:
        sha = stage.push("v1")
        release = bench.release(sha, stage.environment)
        name = f"{bench.project}-{stage.environment}-web-{release.id}-1"
        bench.engine.containers.get(name).remove(force=True)
        watch, prune = f"watch_drift/{stage.environment}", f"prune/{stage.environment}"
        found = {each: stage.api.deployment(each)["schedules"][0] for each in (watch, prune)}
        schedules = {each: one["schedule"] for each, one in found.items()}
        assert {each: (one["cron"], one["timezone"]) for each, one in schedules.items()} == {
            watch: ("*/15 * * * *", "Europe/Berlin"),
            prune: ("30 3 * * *", "Europe/Berlin"),
        }
        assert all(one["active"] for one in found.values())
        wait_for(lambda: len(stage.api.runs(watch)) > 3, "Prefect to plan its runs")

        stage.start_worker()
        run = stage.api.ended(stage.api.start(watch, {}))
        assert (run["state"]["name"], run["state"]["message"]) == (
            "Completed",
            "1 thing is not as released; 1 new",
        )
        told = artifact(stage, run["id"], "drift").splitlines()
        assert told[0] == f"# {bench.project}: 1 thing is not as released"
        assert f"    - What to run: fairlead release {stage.environment} {sha} --force" in told
        wait_for(lambda: events(stage), "the event")
        (event,) = events(stage)
        assert (event["event"], event["payload"]["kind"], event["payload"]["container"]) == (
            "fairlead.drift.opened",
            "gone",
            name,
        )

        bench.release(sha, stage.environment, if_unchanged="release again")
        assert stage.api.ended(stage.api.start(watch, {}))["state"]["message"] == (
            "everything runs as it was released; 1 no more"
        )
        wait_for(lambda: len(events(stage)) == 2, "the second event")
        assert events(stage)[1]["event"] == "fairlead.drift.gone"

        run = stage.api.ended(stage.api.start(prune, {"dry_run": True}))
        assert run["state"]["message"] == "there is nothing to remove"
        assert artifact(stage, run["id"], "pruned") == (
            f"# {bench.project}: there is nothing to remove"
        )
