"""A host whose disk is full: a real engine on a small file system of its own."""

import io
import os
from collections.abc import Iterator
from contextlib import closing

import docker
import httpx
import pytest

from examples.stand.images import Images
from examples.stand.registry import Registry
from fairlead.config import Host
from fairlead.model import ReleaseState, StepName, StepOutcome
from tests.bench.bench import Bench
from tests.bench.images import push
from tests.bench.second_engine import SecondEngine, second_engine

SIZE = "600m"
LAYER = 40_000_000  # bytes of the new version's own layer; they do not shrink when compressed
LEFT = 20_000_000


@pytest.fixture
def host(registry: Registry) -> Iterator[SecondEngine]:
    with second_engine(registry.port, disk=SIZE) as made:
        yield made


def test_release_that_cannot_be_pulled_fails_before_the_migration_and_leaves_nothing_half_done(
    bench: Bench, host: SecondEngine, images: Images
) -> None:
    bench.configure(
        proxy={"image": push(bench.engine, images.caddy, f"{bench.registry}/proxy:1")},
        environments={
            "dev": {"hosts": [{"engine": host.socket, "address": host.address}], "bind": "0.0.0.0"}
        },
    )
    first = bench.push("v1")
    bench.release(first)
    bench.base = with_layer(bench.engine, bench.base)
    second = bench.push("v2")
    there = on(host)
    fill(host)

    full = bench.release(second)

    assert full.state is ReleaseState.FAILED
    assert full.error is not None
    name = Host(engine=host.socket).name
    image = f"{bench.registry}/{bench.project}/web@sha256:"
    said, next_step = full.error.splitlines()
    assert said.startswith(f"{name} could not pull {image}")
    assert said.endswith("no space left on device.")
    assert next_step == "Free some disk there (docker system df), then release again."
    assert [(step.name, step.attempt, step.outcome) for step in bench.steps(full.id)] == [
        (StepName.PREFLIGHT, 1, StepOutcome.SUCCEEDED),
        (StepName.VERIFY_BUILD, 1, StepOutcome.SUCCEEDED),
        (StepName.PLAN_MIGRATIONS, 1, StepOutcome.SUCCEEDED),
        (StepName.PULL_IMAGES, 1, StepOutcome.FAILED),
    ]
    assert on(host) == there
    assert serves(bench, host) == "v1"

    (host.data / "ballast").unlink()
    assert bench.release(second).state is ReleaseState.SUCCEEDED
    assert serves(bench, host) == "v2"
    bench.engine.images.remove(f"{bench.registry}/{bench.project}/web:dev-{second}", force=True)


def with_layer(engine: docker.DockerClient, base: str) -> str:
    dockerfile = f"FROM {base}\nRUN head -c {LAYER} /dev/urandom > /layer\n"
    made, _ = engine.images.build(fileobj=io.BytesIO(dockerfile.encode()), rm=True)
    return str(made.id)


def fill(host: SecondEngine) -> None:
    free = os.statvfs(host.data)
    with (host.data / "ballast").open("wb") as ballast:
        os.posix_fallocate(ballast.fileno(), 0, free.f_bavail * free.f_frsize - LEFT)


def on(host: SecondEngine) -> tuple[list[str], list[str]]:
    """The containers, each with its state, and the images."""
    with closing(host.client()) as client:
        found = client.containers.list(all=True, ignore_removed=True)
        containers = sorted(f"{container.name} {container.status}" for container in found)
        return containers, sorted(str(image["Id"]) for image in client.api.images())


def serves(bench: Bench, host: SecondEngine) -> str:
    domain = {"Host": f"{bench.project}.localhost"}
    return httpx.get(f"http://{host.address}:{bench.port}/", headers=domain, trust_env=False).text
