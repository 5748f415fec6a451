"""The frame of every task of ours: nothing of a run is cached, pickled or persisted, because it
holds connections and secrets."""

from typing import Any

from prefect.cache_policies import NO_CACHE

STEP: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False, "log_prints": False}
