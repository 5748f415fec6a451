"""What every task of ours has in common."""

from typing import Any

from prefect.cache_policies import NO_CACHE


def task_of(name: str) -> dict[str, Any]:
    """The arguments of `@task`: a plain name in the UI, and nothing of a run cached, pickled or
    persisted, because it holds connections and secrets."""
    return {
        "name": name,
        "task_run_name": name,
        "cache_policy": NO_CACHE,
        "persist_result": False,
        "log_prints": False,
    }
