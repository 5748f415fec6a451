"""`make demo` to its end and away again, under other names and ports than those of the README."""

import re

import docker
import httpx
import pytest

from tests.bench.demo import ENVIRONMENTS, Demo

pytestmark = pytest.mark.xdist_group("shop")  # built once, not by each worker


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
