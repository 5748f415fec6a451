"""Going back by hand, and a release that cannot be put back."""

import httpx
import pytest

from fairlead.errors import NothingToGoBackTo
from fairlead.going_back import way_back
from fairlead.model import Release, ReleaseKind, ReleaseState, Step, StepName, StepOutcome
from tests.bench.bench import Bench, sha_of
from tests.bench.dying import opened, settled, watch


def step(bench: Bench, release: Release, name: StepName) -> Step:
    (found,) = [step for step in bench.steps(release.id) if step.name is name]
    return found


def seconds(found: Step) -> float:
    assert found.ended_at is not None
    return (found.ended_at - found.started_at).total_seconds()


def containers(bench: Bench, *origins: Release) -> list[str]:
    return sorted(f"{bench.project}-dev-web-{release.id}-1" for release in origins)


def forget_image(bench: Bench, sha: str) -> str:
    """Delete it from the registry, as whoever makes room there would; its digest."""
    path = f"http://{bench.registry}/v2/{bench.project}/web/manifests"
    kinds = "application/vnd.docker.distribution.manifest.v2+json"
    found = httpx.head(f"{path}/dev-{sha}", headers={"Accept": kinds}, trust_env=False)
    digest = found.headers["Docker-Content-Digest"]
    assert httpx.delete(f"{path}/{digest}", trust_env=False).status_code == 202
    return digest


def test_going_back_takes_about_a_second_loses_nothing_and_can_be_done_again(bench: Bench) -> None:
    first, second = bench.release(bench.push("v1")), bench.release(bench.push("v2"))
    with watch(bench) as asking:
        back = bench.rollback(reason="v2 was wrong")
        again = bench.rollback()
        assert asking.stop() == ["v2", "v1", "v2"]
    assert (back.state, back.kind, back.sha, back.reason, back.origin, back.replaces) == (
        ReleaseState.SUCCEEDED,
        ReleaseKind.ROLLBACK,
        first.sha,
        "v2 was wrong",
        first.id,
        second.id,
    )
    assert (again.state, again.sha, again.origin, again.replaces) == (
        ReleaseState.SUCCEEDED,
        second.sha,
        second.id,
        back.id,
    )
    assert (back.requests_lost, again.requests_lost) == (0, 0)
    assert seconds(step(bench, back, StepName.DEPLOY)) < 3  # on a machine that does much else
    assert step(bench, back, StepName.VERIFY_BUILD).log_tail == (
        "the database keeps what was applied since: 1 applied: app.v2"
    )
    assert step(bench, again, StepName.VERIFY_BUILD).log_tail == "no migration was applied since"
    assert StepName.MIGRATE not in {step.name for step in bench.steps(back.id)}
    with opened(bench) as project:  # the one before is the rollback, whose code is that of v1
        stays = way_back(project, "dev", "").stays
    assert stays == "the database keeps what was applied since: 1 applied: app.v2"
    assert bench.containers(state="running") == containers(bench, second)
    assert bench.containers(state="exited") == containers(bench, first)


def test_going_back_to_an_older_one_makes_its_containers_anew_with_its_own_config(
    bench: Bench,
) -> None:
    bench.configure(services={"web": {"env": {"GREETING": "of the first"}}})
    first = bench.release(bench.push("v1"))
    bench.configure(services={"web": {"env": {"GREETING": "of the third"}}})
    bench.release(bench.push("v2"))
    third = bench.release(bench.push("v3"))
    assert containers(bench, first)[0] not in bench.containers()
    back = bench.rollback(sha=first.sha)
    assert (back.state, back.origin, back.replaces) == (
        ReleaseState.SUCCEEDED,
        first.id,
        third.id,
    )
    assert bench.serves() == "v1"
    made = bench.engine.containers.get(containers(bench, first)[0])
    assert "GREETING=of the first" in made.attrs["Config"]["Env"]
    assert bench.containers(state="exited") == containers(bench, third)
    assert step(bench, back, StepName.VERIFY_BUILD).log_tail == (
        "the database keeps what was applied since: 1 applied: app.v2; 1 applied: app.v3"
    )


def test_going_back_is_refused_where_there_is_nothing_to_go_back_to(bench: Bench) -> None:
    def refusal(sha: str) -> str:
        with opened(bench) as project, pytest.raises(NothingToGoBackTo) as caught:
            way_back(project, "dev", sha)
        return str(caught.value)

    look = "See what ran there: fairlead history dev"
    assert refusal("") == f"dev cannot go back: nothing was ever released there.\n{look}"
    first = bench.release(bench.push("v1"))
    short = first.sha[:7]
    assert refusal("") == f"dev cannot go back: {short} is the first one there.\n{look}"
    assert refusal(first.sha) == f"dev cannot go back: {short} is what runs there now.\n{look}"
    never = sha_of("never")
    done = bench.fairlead("rollback", "dev", "--to", never, "--in-process", code=3)
    assert done.stderr == (
        f"error: dev cannot go back: {never} was never released there with success.\n{look}\n"
    )
    assert bench.history() == [first]


def test_going_back_needs_no_registry_to_have_the_image_still(bench: Bench) -> None:
    first = bench.release(bench.push("v1"))
    bench.release(bench.push("v2"))
    bench.release(bench.push("v3"))
    digest = forget_image(bench, first.sha)
    back = bench.rollback(sha=first.sha)
    assert back.state is ReleaseState.SUCCEEDED
    assert bench.serves() == "v1"
    moving = step(bench, back, StepName.MOVE_TAGS)
    assert (moving.outcome, moving.error) == (
        StepOutcome.FAILED,
        f"{bench.registry}/{bench.project}/web has no tag {digest}.\n"
        "Did the build push it? See what there is: fairlead tags SERVICE",
    )


def test_release_that_cannot_be_put_back_says_both_errors_and_settle_mends_it(bench: Bench) -> None:
    first = bench.release(bench.push("v1"))
    (old,) = containers(bench, first)
    made = bench.engine.containers.get(old)
    image = str(made.attrs["Config"]["Image"])
    made.remove(force=True)
    bench.engine.images.remove(image, force=True)
    forget_image(bench, first.sha)
    sha = bench.push("v2", BEHAVIOUR="exits")
    failed = bench.fairlead("release", "dev", sha, "--in-process", code=5)
    second = bench.history()[0]
    error = (
        "dev was NOT put back.\n"
        "The release failed: web on local exited with 3. Its last lines:\n"
        "    version v2 starts, exits\n"
        "    cannot go on: no configuration\n"
        f"Putting it back failed: local could not pull {image}: manifest for {image} not found: "
        "manifest unknown: manifest unknown.\n"
        "Is the registry reachable from that host, and logged in?\n"
        "Mend the second error, then: fairlead settle dev"
    )
    assert (second.state, second.error) == (ReleaseState.ROLLBACK_FAILED, error)
    assert error in failed.stdout
    bench.push("v1")
    said = f"it is put back now; {first.sha[:7]} serves. The database keeps what was migrated."
    assert settled(bench) == f"Release {second.id} ({sha[:7]}): {said}"
    assert (bench.serves(), bench.containers()) == ("v1", [old])
    assert settled(bench) is None
    assert bench.history()[0] == second
