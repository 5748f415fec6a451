"""A release from end to end on a real engine, registry, PostgreSQL, proxy and Prefect server."""

from fairlead.model import ReleaseState, StepName, StepOutcome
from tests.bench.bench import Bench

# Those of a release that nobody has to approve, that nobody is told of and that goes well, without
# a database.
LEFT_OUT = {
    StepName.APPROVE,
    StepName.BACKUP_DATABASE,
    StepName.CHECK_DATA,
    StepName.NOTIFY,
    StepName.ROLL_BACK,
    StepName.ROLL_BACK_DATABASE,
    StepName.SETTLE,
}


def test_release_serves_what_was_asked_for_and_records_it(bench: Bench) -> None:
    sha = bench.push("v1")
    done = bench.fairlead("release", "dev", sha, "--in-process", "--reason", "the first")
    assert bench.serves() == "v1"
    (release,) = bench.history()
    assert (release.state, release.sha, release.reason) == (
        ReleaseState.SUCCEEDED,
        sha,
        "the first",
    )
    assert "succeeded" in done.stdout
    outcomes = {step.name: step.outcome for step in bench.steps(release.id)}
    assert outcomes == dict.fromkeys({*StepName} - LEFT_OUT, StepOutcome.SUCCEEDED)


def test_second_release_replaces_the_first_and_keeps_it_to_go_back_to(bench: Bench) -> None:
    for version in ("v1", "v2"):
        bench.release(bench.push(version))
    assert bench.serves() == "v2"
    second, first = bench.history()
    assert (second.replaces, second.requests_lost) == (first.id, 0)
    assert bench.containers(state="running") == [f"{bench.project}-dev-web-{second.id}-1"]
    assert bench.containers(state="exited") == [f"{bench.project}-dev-web-{first.id}-1"]
    bench.rollback()
    assert bench.serves() == "v1"


def test_commands_that_say_nothing_are_not_taken_to_have_done_nothing(bench: Bench) -> None:
    first = bench.release(bench.push("v1"))
    failed = bench.release(bench.push("v2", MIGRATE="silent", BEHAVIOUR="bug"))
    details = {step.name: step.detail for step in bench.steps(failed.id)}
    assert details[StepName.MIGRATE] == "the project's own commands did not tell what they applied"
    assert details[StepName.ROLL_BACK] == (
        f"{first.sha[:7]} serves again; the database keeps what the project's own commands did, "
        "and the old code answered its health checks on them"
    )
