"""A release of the shop brings its tenants along: in a container of the release's own image."""

import pytest

from fairlead.database.pending import Pending, pending
from fairlead.model import Release, ReleaseState, StepName
from fairlead.project import Project
from tests.bench.shop import Shop

pytestmark = pytest.mark.xdist_group("shop")  # built once, not by each worker


def migrate_log(shop: Shop, release: int) -> str:
    return next(step.log_tail for step in shop.steps(release) if step.name is StepName.MIGRATE)


def what_is_pending(shop: Shop, release: Release) -> Pending:
    with shop.acting():
        project = Project.open(shop.folder / "fairlead.toml")
        try:
            project.know_secrets(project.config, "dev")
            target = project.target_of(release)
            (site,) = project.sites(target.config, "dev")
            return pending(site, target, print)
        finally:
            project.close()


def test_tenants_are_brought_along_by_the_images_own_python(shop: Shop) -> None:
    first = shop.release(shop.sha("v1"))
    assert "tenants: 0 behind, in 0 states; 2 have nothing to do" in migrate_log(shop, first.id)
    second = shop.release(shop.sha("v2"))
    log = migrate_log(shop, second.id)
    assert second.state is ReleaseState.SUCCEEDED
    assert 'instead, by Fairlead: only tenants that are behind (tenants = "fast")' in log
    assert "tenants: 2 behind, in 1 states; 0 have nothing to do" in log
    assert "tenants: 2 of 2 done, 0 failed" in log
    assert shop.read(lambda store: store.tenants.count(second.id)) == 2
    found = what_is_pending(shop, second)
    assert (found.anything, found.tenants, found.at_head) == (False, 2, 2)


def test_a_tenant_that_cannot_be_migrated_is_named_and_the_other_one_is_done(shop: Shop) -> None:
    shop.release(shop.sha("v2"))
    broken = shop.release(shop.sha("v4"))
    assert broken.state is ReleaseState.FAILED
    assert "1 tenant could not be migrated." in (broken.error or "")
    assert "    globex: IntegrityError: " in (broken.error or "")
    (failed,) = shop.read(lambda store: store.tenants.failed(broken.id))
    assert (failed.tenant, failed.state, failed.attempts) == ("globex", "failed", 1)
    assert failed.at.startswith("catalog.")
    assert shop.read(lambda store: store.tenants.count(broken.id)) == 1
    shown = shop.fairlead_json("show", str(broken.id))
    assert [one["tenant"] for one in shown["tenants"]] == ["globex"]
    said = shop.fairlead("show", str(broken.id)).stdout
    assert "globex" in said
    (left,) = what_is_pending(shop, broken).migrations
    assert (str(left), left.shared, left.tenants) == (failed.at, False, 1)
