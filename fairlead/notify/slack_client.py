"""slack-sdk's client, and how long it may wait when Slack says so."""

from pydantic import SecretStr
from slack_sdk import WebClient
from slack_sdk.http_retry import (
    HttpRequest,
    HttpResponse,
    RateLimitErrorRetryHandler,
    RetryState,
)


class PatientOnce(RateLimitErrorRetryHandler):
    """Waits for Retry-After once, unless it is longer than `patience` seconds."""

    def __init__(self, patience: int) -> None:
        super().__init__(max_retry_count=1)
        self._patience = patience

    def _can_retry(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        if response is None or response.status_code != 429:
            return False
        headers = {name.lower(): value for name, value in response.headers.items()}
        wait = "".join(headers.get("retry-after", ["1"])[:1])
        # The SDK reads the number unchecked and sleeps for as long as it says.
        return wait.isascii() and wait.isdigit() and int(wait[:9]) <= self._patience


def make_client(token: SecretStr, api: str, timeout: int, patience: int) -> WebClient:
    return WebClient(
        token=token.get_secret_value(),
        base_url=api,
        timeout=timeout,
        retry_handlers=[PatientOnce(patience)],
    )
