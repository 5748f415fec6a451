"""When trying again is right: something was away. Never when something said no."""

from typing import Any

from prefect.tasks import exponential_backoff

from fairlead.errors import GitHubError, HealthCheckFailed, HostUnreachable, ImageNotPulled
from fairlead.registry import RegistryAway


def worth_retrying(error: BaseException) -> bool:
    """True for what may be better in a moment; a full disk and a rate limit are not."""
    if isinstance(error, ImageNotPulled):
        return not error.disk_full
    if isinstance(error, GitHubError):
        return error.away and error.wait is None
    return isinstance(error, RegistryAway | HostUnreachable | HealthCheckFailed)


def _condition(task: Any, task_run: Any, state: Any) -> bool:
    error = state.result(raise_on_failure=False)
    return isinstance(error, BaseException) and worth_retrying(error)


RETRIED: dict[str, Any] = {
    "retries": 3,
    "retry_delay_seconds": exponential_backoff(backoff_factor=1),
    "retry_jitter_factor": 0.5,
    "retry_condition_fn": _condition,
}
