"""What prune removes from a real engine, and what stays there."""

from pathlib import Path
from typing import Any

from fairlead.model import Release, ReleaseState
from tests.bench.bench import ENGINE, Bench, free_port
from tests.bench.dying import flow_process, until
from tests.integration.test_rollback import forget_image


def images(bench: Bench) -> set[str]:
    """Every name of an image in the project's repository."""
    found = bench.engine.api.images(name=f"{bench.registry}/{bench.project}/web")
    return {name for one in found for name in [*one["RepoTags"], *one["RepoDigests"]]}


def names(bench: Bench, sha: str, environment: str = "dev") -> set[str]:
    """What the engine calls the image of a commit: by its digest, and, built here, by its tag."""
    tag = f"{bench.registry}/{bench.project}/web:{environment}-{sha}"
    attributes = bench.engine.images.get(tag).attrs
    return {*attributes["RepoTags"], *attributes["RepoDigests"]}


def push(bench: Bench, version: str, **over: str) -> str:
    """An image that no other test's container has: the engine knows an image by its content."""
    return bench.push(f"{version}-{bench.project}", **over)


def removed(bench: Bench, *options: str, code: int = 0) -> list[tuple[str, str]]:
    """By `fairlead prune`, what and by which name."""
    found = bench.fairlead_json("prune", *options, code=code)["pruned"]
    return [(one["what"], one["name"]) for one in found["removed"]]


def leave_behind(bench: Bench, release: Release, origin: int, role: str = "service") -> str:
    """A container as a run that died may leave it."""
    image = bench.read(lambda store: store.ledger.images(release.id))[0].reference
    ours = {
        "project": bench.project,
        "environment": "dev",
        "role": role,
        "origin": str(origin),
        "port": "8000",
        "drain": "1",
        "stop_grace": "1",
    }
    made: Any = bench.engine.containers.run(
        image,
        name=f"{bench.project}-dev-web-{origin}-1-{role}",
        labels={f"fairlead.{key}": value for key, value in ours.items()},
        detach=True,
    )
    return str(made.name)


def test_exactly_what_no_rollback_needs_is_removed_and_a_rollback_works_afterwards(
    bench: Bench,
) -> None:
    bench.configure(
        keep_releases=3, environments={"uat": bench.environment(free_port(), promotes_from="dev")}
    )
    a, b, c, d, e = (push(bench, version) for version in ("a", "b", "c", "d", "e"))
    first = bench.release(a)
    push(bench, "a", environment="uat")
    bench.release(a, "uat")
    releases = [first, *(bench.release(sha) for sha in (b, c, d, e))]
    not_released = push(bench, "f")
    kept = set().union(*(names(bench, sha) for sha in (a, c, d, e, not_released)))
    going = names(bench, b)
    (digest,) = [name for name in going if "@" in name]
    before = images(bench)
    assert before == kept | going
    containers = bench.containers()

    left = leave_behind(bench, releases[1], releases[1].id)
    job = leave_behind(bench, releases[2], 0, role="job")
    expected = [("container", left), ("container", job), ("image", digest)]
    assert removed(bench, "--dry-run") == expected
    said = bench.fairlead("prune", "--dry-run").stdout.splitlines()
    assert said[:-1] == [f"local: {what} {name}" for what, name in expected]
    assert said[-1].startswith("3 things would be removed, which would free up to ")
    assert images(bench) == before
    assert left in bench.containers()

    assert removed(bench) == expected
    assert images(bench) == kept
    assert (bench.containers(), bench.containers("job")) == (containers, [])
    assert removed(bench) == []
    assert bench.fairlead("prune").stdout == "Nothing was removed.\n"

    forget_image(bench, c)  # so that it can only come from what was left on the host
    with_its_image, with_its_containers = bench.rollback(sha=c), bench.rollback(sha=e)
    assert with_its_image.state is with_its_containers.state is ReleaseState.SUCCEEDED
    assert bench.serves() == f"e-{bench.project}"
    assert removed(bench) == [], "going to and fro pushes nothing out"


def test_what_gets_requests_stays_whatever_is_recorded(bench: Bench) -> None:
    """A release that nobody knows of, as after the store was brought back from a backup."""
    bench.release(bench.push("v1"))
    bench.release(bench.push("v2"))
    serving = bench.release(bench.push("v3"))
    with bench.store() as store, store.database.transaction() as connection:
        connection.execute("delete from step where release = %s", (serving.id,))
        connection.execute("delete from placement")
        connection.execute("delete from image where release = %s", (serving.id,))
        connection.execute("delete from release where id = %s", (serving.id,))
    before = bench.containers()
    assert removed(bench) == []
    assert (bench.serves(), bench.containers()) == ("v3", before)


def test_nothing_is_touched_where_somebody_changes_something(bench: Bench, tmp_path: Path) -> None:
    """On no host of the environment, nor in the others that are there; elsewhere it goes on."""
    link = tmp_path / "engine"
    link.symlink_to(ENGINE.removeprefix("unix://"))
    there = bench.environment(free_port(), hosts=[f"unix://{link}"])
    bench.configure(keep_releases=1, environments={"there": there})
    releases = [bench.release(push(bench, version)) for version in ("a", "b", "c")]
    before = images(bench)
    left = leave_behind(bench, releases[0], releases[0].id)

    with bench.store() as store:
        fencing = store.leases.acquire(bench.project, "dev", "somebody", 60)
        found = bench.fairlead_json("prune")["pruned"]
        store.leases.release(bench.project, "dev", fencing)
    (told,) = found["left"]
    assert told.startswith("local: nothing was touched. ")
    assert "somebody" in told
    assert left in bench.containers()

    killed_release(bench, bench.push("v4", BEHAVIOUR="sick"))
    (told,) = bench.fairlead_json("prune", "--dry-run")["pruned"]["left"]
    assert told == "local: nothing was touched. Release 4 to dev is not over."
    bench.fairlead("settle", "dev")

    link.unlink()
    done = bench.fairlead("prune", code=4)
    assert done.stderr.startswith(f"error: {link}: The Docker engine of ")
    assert f"local: container {left}\n" in done.stdout
    (image,) = bench.read(lambda store: store.ledger.images(releases[0].id))
    assert image.reference in before - images(bench)


def killed_release(bench: Bench, sha: str) -> None:
    with flow_process(bench, "release", environment="dev", sha=sha) as flow:
        until(lambda: len(bench.containers(state="running")) == 3, "the new one was started")
        flow.kill()
    until(lambda: not bench.read(lambda store: store.leases.live(bench.project)), "lease is free")
