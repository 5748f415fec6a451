"""`make demo` to its end and away again, under other names and ports than those of the README."""

import os
import re
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker
import httpx
import psutil
import pytest

from examples.shop.build import Version
from examples.stand.prefect_server import is_kept
from examples.stand.registry import Registry
from examples.stand.state import REPOSITORY
from tests.bench.bench import free_port

ENVIRONMENTS = ("dev", "uat", "prod")
pytestmark = pytest.mark.xdist_group("shop")  # built once, not by each worker


@dataclass(frozen=True)
class Demo:
    """One that cannot meet another: `project` begins the name of all that is its own."""

    project: str
    home: Path
    registry: str
    prefect: int
    ports: dict[str, int]

    @property
    def environ(self) -> dict[str, str]:
        changed = {
            "STAND_HOME": str(self.home),
            "DEMO_PREFECT_PORT": str(self.prefect),
            "FAIRLEAD__PROJECT": self.project,
            "FAIRLEAD__REGISTRY__HOST": self.registry,
        }
        for name, port in self.ports.items():
            place = f"FAIRLEAD__ENVIRONMENTS__{name.upper()}"
            changed[f"{place}__HTTP_PORT"] = str(port)
            changed[f"{place}__NETWORKS"] = f'["{self.project}-data"]'
        kept = {name: value for name, value in os.environ.items() if is_kept(name)}
        return {**kept, **changed}

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "examples.demo", *arguments],
            cwd=REPOSITORY,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=580,
            check=False,
        )
        print(done.stdout, done.stderr)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert done.stderr == ""
        return done.stdout

    def revision(self, environment: str) -> str:
        """The commit that its front end and its API say they are of, through the proxy."""
        domain = "www" if environment == "prod" else environment
        found = {
            httpx.get(
                f"http://127.0.0.1:{self.ports[environment]}{path}",
                headers={"Host": f"{domain}.shop.localhost"},
                trust_env=False,
                timeout=10,
            ).json()["revision"]
            for path in ("/api/version", "/version.json")
        }
        assert len(found) == 1, found
        return str(found.pop())

    def left(self, engine: docker.DockerClient) -> list[str]:
        """Whatever is there of it."""
        mine = (f"{self.project}-", self.registry)
        names = [
            *(str(found.name) for found in engine.containers.list(all=True, ignore_removed=True)),
            *(str(found.name) for found in engine.networks.list()),
            *(str(found.name) for found in engine.volumes.list()),
            *(tag for found in engine.api.images() for tag in found["RepoTags"] or ()),
            *(str(self.home) for _ in range(self.home.exists())),
        ]
        return [name for name in names if name.startswith((*mine, str(self.home)))] + self.running()

    def running(self) -> list[str]:
        """Processes that were started with its state folder, here or in what they started."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get("STAND_HOME") == str(self.home):
                    found.append(" ".join(process.cmdline()))
            except psutil.Error:
                continue  # it has ended
        return found


@pytest.fixture
def demo(
    engine: docker.DockerClient, registry: Registry, versions: Mapping[str, Version]
) -> Iterator[Demo]:
    """Of the run's own names. The run's registry is there first, because it runs from the base
    images, which `down` then keeps; the shop too, because the engine then knows its layers."""
    made = Demo(
        project=f"demo{uuid.uuid4().hex[:6]}",
        # Not pytest's folder, which every session of it closes to the user that PostgreSQL runs as.
        home=Path(tempfile.mkdtemp(prefix="fairlead-demo-")),
        registry=f"127.0.0.1:{free_port()}",
        prefect=free_port(),
        ports={name: free_port() for name in ENVIRONMENTS},
    )
    yield made
    if made.left(engine):
        made.run("down")


def test_demo_tells_its_story_and_leaves_nothing(demo: Demo, engine: docker.DockerClient) -> None:
    told = demo.run()
    shas = dict(re.findall(r"^(v\d) backend: built .*:dev-([0-9a-f]{40})$", told, re.MULTILINE))
    assert sorted(shas) == ["v1", "v2", "v3", "v4"]
    assert outcomes(told, shas) == [
        ("v1", "dev", "succeeded"),
        ("v1", "uat", "succeeded"),
        ("v1", "prod", "succeeded"),
        ("v2", "dev", "succeeded"),
        ("v3", "dev", "rolled back"),
        ("v4", "dev", "failed"),
    ]
    assert "ok      uat: refresh: not before something is released to uat\n" in told
    proven = re.findall(r"verify_build .*  (backend \w+, frontend \w+)", told)
    assert len(set(proven[:3])) == 1, "the digests of dev, uat and prod are the same"
    assert len(set(proven)) == 4
    (answered, lost) = re.findall(
        r"^(\d+) requests were answered meanwhile, (\d+) were lost$", told, re.MULTILINE
    )[0]
    assert int(answered) > 100
    assert lost == "0"
    assert (
        "3 applied: catalog.0004_product_sku, catalog.0005_supplier, "
        "tenants.0003_tenant_contact_email" in told
    )
    assert "globex: IntegrityError: could not create unique index" in told, "why v4 failed"
    assert "no container was changed." in told
    assert {name: demo.revision(name) for name in ENVIRONMENTS} == {
        "dev": shas["v2"],
        "uat": shas["v1"],
        "prod": shas["v1"],
    }
    for name in ENVIRONMENTS:
        assert re.search(
            rf"^  {name} +http://\w+\.shop\.localhost:{demo.ports[name]}/$", told, re.M
        )
    ui = f"http://127.0.0.1:{demo.prefect}"
    assert f"  Prefect  {ui}\n" in told
    assert "<title>Prefect" in httpx.get(ui, trust_env=False, follow_redirects=True).text
    assert demo.running() != []
    gone = demo.run("down")
    assert "The demo is gone" in gone
    assert demo.left(engine) == []
    demo.run("down")


def outcomes(told: str, shas: dict[str, str]) -> list[tuple[str, str, str]]:
    """Version, environment and end of each release, in order."""
    names = {sha[:7]: name for name, sha in shas.items()}
    found = re.findall(r"^Release \d+: (\w{7}) to (\w+): ([a-z ]+) \(", told, re.MULTILINE)
    return [(names[sha], environment, end) for sha, environment, end in found]
