"""A frozen environment: nothing new, unless somebody says so; going back always."""

from datetime import UTC, datetime, timedelta

from fairlead.model import ReleaseState, StepName
from tests.bench.bench import Bench


def freeze(bench: Bench) -> datetime:
    """From now on, for a day; its end."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    end = now + timedelta(days=1)
    window = f"{now:%Y-%m-%d %H:%M} - {end:%Y-%m-%d %H:%M}"
    bench.configure(environments={"dev": {"freeze": [window]}})
    return end


def test_frozen_environment_takes_no_release_but_one_that_overrides_it(bench: Bench) -> None:
    bench.release(bench.push("v1"))
    end = freeze(bench)
    sha = bench.push("v2")
    refused = bench.release(sha)
    assert refused.state is ReleaseState.REFUSED
    assert refused.error == (
        f"dev is frozen until {end:%a %Y-%m-%d %H:%M} UTC (environments.dev.freeze).\n"
        "Wait, or release it anyway, which is recorded: --override"
    )
    planned = bench.fairlead("release", "dev", sha, "--dry-run").stdout
    assert f"  It would be refused: frozen until {end:%a %Y-%m-%d %H:%M} UTC.\n" in planned
    done = bench.fairlead("release", "dev", sha, "--override", "--in-process")
    overridden = f"overrode the freeze until {end:%a %H:%M}; 1 host(s) answer"
    assert overridden in done.stdout
    release = bench.history()[0]
    (preflight,) = [s for s in bench.steps(release.id) if s.name is StepName.PREFLIGHT]
    assert (release.state, preflight.detail) == (ReleaseState.SUCCEEDED, overridden)
    assert bench.serves() == "v2"
    assert bench.rollback().state is ReleaseState.SUCCEEDED
